# What a bzImage's 32-bit entry finds, on COM1: `warmboot-entry32`, the numbers below in hexadecimal, and `.`; then it halts.

	.code32
	.text

	.set	COM1, 0x3f8
	.set	MSR_EFER, 0xc0000080
	.set	CODE32_START, 0x214		# in boot_params
	.set	CMD_LINE_PTR, 0x228
	.set	NUMBERS, 18

start:
	pushf
	push	%edi
	push	%ebp
	push	%ebx
	push	%esi
	mov	CMD_LINE_PTR(%esi), %eax
	push	(%eax)				# the command line's first letters
	push	CODE32_START(%esi)
	call	1f
1:	subl	$1b - start, (%esp)		# where it lies
	mov	(%esp), %ebx
	mov	$MSR_EFER, %ecx
	rdmsr
	push	%eax
	mov	%cr4, %eax
	push	%eax
	mov	%cr0, %eax
	push	%eax
	mov	%gs, %eax
	push	%eax
	mov	%fs, %eax
	push	%eax
	mov	%es, %eax
	push	%eax
	mov	%ds, %eax
	push	%eax
	mov	%ss, %eax
	push	%eax
	mov	%cs, %eax
	push	%eax
	push	$0				# the number of regions of memory, of which boot_params has a byte
	mov	0x1e8(%esi), %al
	mov	%al, (%esp)

	lea	text - start(%ebx), %esi
1:	lodsb
	test	%al, %al
	jz	2f
	call	write
	jmp	1b
2:	mov	$NUMBERS, %ebp			# from the last one that was pushed
3:	mov	$' ', %al
	call	write
	pop	%edi
	mov	$8, %ecx
4:	rol	$4, %edi
	mov	%edi, %edx
	and	$15, %edx
	mov	digits - start(%ebx, %edx), %al
	call	write
	loop	4b
	dec	%ebp
	jnz	3b
	mov	$'.', %al
	call	write
5:	hlt
	jmp	5b

# Writes al. Clobbers edx.
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

digits:	.ascii	"0123456789abcdef"
text:	.asciz	"warmboot-entry32"
