// What a purgatory jumps to in a test, on QEMU's machine `virt` and without anything else: says on the PL011 which of the
// registers that the boot protocol names are as it wants them, and stops the machine (semihosting, SYS_EXIT).

	.set	UART, 0x09000000
	.set	HANDOVER, 0x4badb002
	.set	SYS_EXIT, 0x18

	.text
	mov	x9, #UART
	movz	x10, #HANDOVER & 0xffff
	movk	x10, #HANDOVER >> 16, lsl #16
	mov	w11, #'Y'
	cmp	x0, x10
	b.ne	1f
	orr	x12, x1, x2
	orr	x12, x12, x3
	cbz	x12, 2f
1:	mov	w11, #'N'
2:	str	w11, [x9]
	mov	w11, #'\n'
	str	w11, [x9]
	mov	w0, #SYS_EXIT
	adr	x1, exit
	hlt	#0xf000
	.balign	8
exit:	.quad	0x20026, 0
