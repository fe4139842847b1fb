# What a Multiboot image was given, on COM1, line by line; then it halts. `warmboot-multiboot`, eax, and where it lies; then
# the information, in hexadecimal and as text; each module with a sum of its bytes; at last `.`. Whoever assembles it sets
# VERSION, 1 or 2; ADDRESSES, whether the header says where the image goes; MOVABLE, whether it may lie elsewhere (version 2).

	.code32
	.text

	.set	COM1, 0x3f8
	.set	LINKED, 0x100000

start:
.if VERSION == 1
	.set	FLAGS, 3 + ADDRESSES * 0x10000
	.balign	4
header:
	.long	0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
	.long	LINKED + header - start, LINKED, LINKED + end - start, LINKED + bss_end - start, LINKED + entry - start
.else
	.balign	8
header:
	.long	0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
	.short	1, 0
	.long	24, 1, 3, 4, 6			# information that it cannot do without
	.balign	8
.if ADDRESSES
	.short	2, 0
	.long	24, LINKED + header - start, LINKED, LINKED + end - start, LINKED + bss_end - start
	.short	3, 0
	.long	12, LINKED + entry - start
	.balign	8
.endif
.if MOVABLE
	.short	10, 0
	.long	24, 0x2000000, 0x3fffffff, 0x400000, 1
.endif
	.short	6, 0				# modules on pages
	.long	8
	.short	7, 1				# EFI boot services, if they are on
	.long	8
	.short	0, 0
	.long	8
header_end:
.endif

entry:
	mov	$0x9000, %esp			# there may be no stack: four bytes of low memory are borrowed
	mov	-4(%esp), %ecx
	call	1f
1:	pop	%ebp
	mov	%ecx, -4(%esp)
	sub	$1b - start, %ebp		# where the image lies
	lea	stack - start(%ebp), %esp
	push	%eax
	lea	greeting - start(%ebp), %esi
	call	text
	mov	%esp, %esi
	mov	$4, %ecx
	call	hex
	push	%ebp
	mov	%esp, %esi
	mov	$4, %ecx
	call	hex
	mov	zeros - start(%ebp), %eax	# of the bss
	push	%eax
	mov	%esp, %esi
	mov	$4, %ecx
	call	hex
	call	line
.if VERSION == 1
	mov	$'i', %al			# the structure, which names the others
	call	write
	mov	%ebx, %esi
	mov	$116, %ecx
	call	hex
	call	line
	mov	$'c', %al
	call	write
	mov	16(%ebx), %esi
	call	spaced
	call	line
	mov	$'l', %al
	call	write
	mov	64(%ebx), %esi
	call	spaced
	call	line
	mov	$'m', %al
	call	write
	mov	48(%ebx), %esi
	mov	44(%ebx), %ecx
	call	hex
	call	line
	mov	20(%ebx), %edi
	mov	24(%ebx), %edx
1:	test	%edi, %edi
	jz	2f
	push	%edi
	push	%edx
	mov	$'p', %al
	call	write
	mov	(%esp), %esi
	mov	$16, %ecx
	call	hex
	mov	(%esp), %edx
	call	sum
	mov	(%esp), %edx
	mov	8(%edx), %esi
	call	spaced
	call	line
	pop	%edx
	pop	%edi
	add	$16, %edx
	dec	%edi
	jmp	1b
2:
.else
	lea	8(%ebx), %edi
1:	mov	$'t', %al
	call	write
	mov	%edi, %esi
	mov	4(%edi), %ecx
	call	hex
	cmpl	$3, (%edi)
	jne	2f
	lea	8(%edi), %edx
	call	sum
2:	call	line
	cmpl	$0, (%edi)
	je	3f
	mov	4(%edi), %eax
	add	$7, %eax
	and	$~7, %eax
	add	%eax, %edi
	jmp	1b
3:
.endif
	mov	$'.', %al
	call	write
	call	line
4:	hlt
	jmp	4b

# The sum of the bytes between the two addresses at edx, each after a turn to the left by one bit.
sum:
	push	%edi
	mov	(%edx), %esi
	mov	4(%edx), %edi
	xor	%ecx, %ecx
	xor	%eax, %eax
1:	cmp	%edi, %esi
	jae	2f
	rol	$1, %ecx
	lodsb
	add	%eax, %ecx
	jmp	1b
2:	push	%ecx
	mov	%esp, %esi
	mov	$4, %ecx
	call	hex
	pop	%ecx
	pop	%edi
	ret

# A space, and ecx bytes from esi in hexadecimal. Clobbers eax, ecx, edx, esi.
hex:
	mov	$' ', %al
	call	write
1:	jecxz	2f
	mov	(%esi), %al
	shr	$4, %al
	call	digit
	lodsb
	and	$15, %al
	call	digit
	dec	%ecx
	jmp	1b
2:	ret

digit:
	cmp	$10, %al
	jb	1f
	add	$'a' - '0' - 10, %al
1:	add	$'0', %al
	jmp	write

# A space, and the text at esi up to its NUL.
spaced:
	mov	$' ', %al
	call	write
text:
	lodsb
	test	%al, %al
	jz	1f
	call	write
	jmp	text
1:	ret

line:
	mov	$13, %al
	call	write
	mov	$10, %al

# Writes al. Clobbers eax and edx.
write:
	mov	%al, %ah
	mov	$COM1 + 5, %edx
1:	in	%dx, %al
	test	$0x20, %al
	jz	1b
	mov	%ah, %al
	mov	$COM1, %edx
	out	%al, %dx
	ret

greeting:
	.asciz	"warmboot-multiboot"
	.balign	4
end:						# of the file
	.set	zeros, end
	.set	stack, end + 0x1000
	.set	bss_end, stack
