# A kernel of boot protocol 2.07 without a 32-bit entry, or a zImage: its setup code says on COM1 what it finds, and halts.
# Whoever assembles it sets ZIMAGE, 0 or 1.

	.code16
	.text

	.set	COM1, 0x3f8
	.set	SETUP_SECTS, 4

start:
	.org	0x1f1
	.byte	SETUP_SECTS
	.short	0
	.long	(end - code) / 16
	.short	0, 0, 0
	.org	0x1fe
	.short	0xaa55
	.byte	0xeb, setup - jump		# a jump over the header
jump:
	.ascii	"HdrS"
.if ZIMAGE
	.short	0x0200
.else
	.short	0x0207
.endif
	.long	0				# realmode_swtch
	.short	0x1000, 0			# start_sys, kernel_version
	.byte	0				# type_of_loader
	.byte	1 - ZIMAGE			# loadflags
	.short	0
	.long	0				# code32_start
	.long	0, 0				# ramdisk
	.long	0
	.short	0				# heap_end_ptr
	.short	0
	.long	0				# cmd_line_ptr
	.long	0xffffffff			# initrd_addr_max
	.long	0				# kernel_alignment
	.byte	0, 0
	.short	0
	.long	255				# cmdline_size
	.long	0
	.quad	0
	.org	0x26c
setup:
	mov	%sp, %bp
	mov	%ds, %ax			# data is addressed from the boot sector on
	mov	$greeting - start, %si
	call	text
	mov	%cs, %ax
	call	number
	mov	$ss_text - start, %si
	call	text
	mov	%ss, %ax
	call	number
	mov	$sp_text - start, %si
	call	text
	mov	%bp, %ax
	call	number

	mov	$code_text - start, %si			# the protected-mode code: by the BIOS, from 1 MiB, or directly
	call	text
.if ZIMAGE
	mov	$0x1000, %ax
	mov	%ax, %fs
	mov	%fs:0, %eax
.else
	push	%es
	mov	%ds, %ax
	mov	%ax, %es
	mov	$move_table - start, %si
	movzwl	%ax, %eax
	shl	$4, %eax
	add	$buffer - start, %eax
	mov	%eax, move_table - start + 0x1a
	movb	$0x93, move_table - start + 0x1d	# the rest of the base is zero below 16 MiB
	mov	$2, %cx
	mov	$0x87, %ah
	int	$0x15
	pop	%es
	mov	buffer - start, %eax
.endif
	mov	$ok - start, %si
	cmp	$0x6d726177, %eax		# "warm"
	je	1f
	mov	$wrong - start, %si
1:	call	text

	mov	$memory_text - start, %si
	call	text
	mov	$0x88, %ah			# memory above 1 MiB, by the BIOS
	int	$0x15
	call	number

	mov	$ticks_text - start, %si		# the timer's interrupt, by the BIOS's count
	call	text
	push	%ds
	xor	%ax, %ax
	mov	%ax, %ds
	mov	0x46c, %bx
	sti
2:	hlt
	mov	0x46c, %ax
	sub	%bx, %ax
	cmp	$3, %ax
	jb	2b
	cli
	pop	%ds
	mov	$ok - start, %si
	call	text

	mov	$cmdline_text - start, %si
	call	text
.if ZIMAGE
	mov	0x22, %si			# its offset, if the magic number is there
	cmpw	$0xa33f, 0x20
	jne	3f
.else
	mov	%ds, %ax
	movzwl	%ax, %eax
	shl	$4, %eax
	mov	0x228, %esi
	sub	%eax, %esi
.endif
	call	text
3:	mov	$line - start, %si
	call	text
4:	hlt
	jmp	4b

# The text at si.
text:
	lodsb
	test	%al, %al
	jz	1f
	call	write
	jmp	text
1:	ret

# ax in hexadecimal.
number:
	mov	$4, %cx
1:	rol	$4, %ax
	push	%ax
	and	$15, %al
	cmp	$10, %al
	jb	2f
	add	$'a' - '0' - 10, %al
2:	add	$'0', %al
	call	write
	pop	%ax
	loop	1b
	ret

# Writes al. Clobbers dx.
write:
	push	%ax
	mov	$COM1 + 5, %dx
1:	in	%dx, %al
	test	$0x20, %al
	jz	1b
	pop	%ax
	mov	$COM1, %dx
	out	%al, %dx
	ret

greeting:	.asciz	"warmboot-real cs "
ss_text:	.asciz	" ss "
sp_text:	.asciz	" sp "
code_text:	.asciz	" code "
memory_text:	.asciz	" memory "
ticks_text:	.asciz	" ticks "
cmdline_text:	.asciz	" cmdline "
ok:		.asciz	"ok"
wrong:		.asciz	"wrong"
line:		.asciz	"\r\n"
	.balign	8
move_table:				# int 15, ah 87: two entries for itself, source, destination, two more
	.quad	0, 0
	.short	0xffff, 0
	.byte	0x10, 0x93, 0, 0	# from 1 MiB
	.short	0xffff, 0
	.byte	0, 0x93, 0, 0
	.quad	0, 0
buffer:	.quad	0
	.org	(SETUP_SECTS + 1) * 512
code:	.ascii	"warm"
	.org	(SETUP_SECTS + 1) * 512 + 4096
end:
