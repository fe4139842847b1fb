// The purgatory: what the kernel that goes down jumps to, and what starts the next one.
//
// It is entered at its first byte by kexec_load(2): at EL1 or EL2, MMU and data cache off, interrupts masked, and no
// register that says anything (arch/arm64/kernel/relocate_kernel.S, Linux 7.3). The next kernel wants the device tree in
// x0, which only a piece of code like this can give to it (Documentation/arch/arm64/booting.rst). It compares the XXH64 or
// the SHA-256 of each region in its parameters first. If a region differs it says so and halts: nothing that was altered
// is started.
//
// With the MMU off all data are device memory: accesses must be aligned, and each goes out to memory by itself. So the
// words of a block are loaded once and kept in registers. Every region starts at a multiple of 4, for XXH64 of 8.
//
// Position independent, without relocations: it runs at any address. The stack lies after it, up to `stack_top`.
// `deno task generate` assembles this file into purgatory_code.ts.

	.arch	armv8-a+crypto

	.set	LAYOUT_NUMBER, 1		// of the parameters; another one when they change

	.set	FLAG_VERIFY, 1			// compare the digests
	.set	FLAG_PLAIN, 2			// by plain instructions, whatever the CPU has
	.set	FLAG_XXH64, 4			// the digests are XXH64: 8 bytes, in the CPU's order

	.set	REGION_MAX, 24			// segments, and the parts of one that are not drawn at random
	.set	REGION_ADDRESS, 0
	.set	REGION_LENGTH, 8
	.set	REGION_DIGEST, 16
	.set	REGION_SIZE, 48

	.set	UART_DATA, 0x00			// PL011 (ARM DDI 0183): data, and flags
	.set	UART_FLAGS, 0x18
	.set	UART_FULL, 5			// bit: the transmit FIFO is full
	.set	UART_POLLS, 0x100000		// far more than one character takes

	.set	EL2, 2 << 2			// as CurrentEL has it
	.set	SCTLR_I, 1 << 12		// instruction cache
	.set	HCR_E2H, 34			// bit: the kernel is a host that runs at EL2
	.set	CPTR_TFP, 1 << 10		// without it: floating point is trapped
	.set	CPACR_FPEN, 3 << 20		// with it, and at EL1: it is not
	.set	ISAR0_SHA2, 12			// ID_AA64ISAR0_EL1: 4 bits, not 0 where sha256h and its kin are

	.set	MESSAGE_MAX, 96			// the longest one has 80 characters
	.set	STACK_PAGE, 0x3000
	.set	STACK_SIZE, 1024

	.text
start:
	b	prepare
	.balign	8, 0
layout:		.quad	LAYOUT_NUMBER		// what a stored plan's parameters are read by; 0 in the first ones

// Filled in by the builder.
	.balign	16, 0
parameters:
entry:		.quad	0			// where the next kernel starts
handover:	.quad	0			// what it finds in x0: the device tree
uart:		.quad	0			// a PL011 to complain on, or 0
region_count:	.long	0
flags:		.long	0
regions:	.fill	REGION_MAX * REGION_SIZE, 1, 0

prepare:
	msr	daifset, #0xf
	adr	x9, stack_top
	mov	sp, x9
	ldr	w9, flags
	tbz	w9, #0, hand_over		// FLAG_VERIFY
	bl	speed_up
	adr	x0, parameters
	bl	choose_blocks
	bl	verify_regions
	mov	w19, w0
	bl	slow_down
	cbnz	w19, refuse

hand_over:
	ldr	x17, entry
	ldr	x0, handover
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	br	x17

// w19: the region that differs, from 1. Does not return.
refuse:
	ldr	x20, uart
	cbz	x20, halt
	sub	sp, sp, #MESSAGE_MAX
	mov	w9, #REGION_SIZE
	adr	x10, regions - REGION_SIZE
	umaddl	x9, w19, w9, x10
	mov	x0, sp
	mov	w1, w19
	ldr	x2, [x9, #REGION_ADDRESS]
	bl	format_message
	mov	x1, x0
	mov	x0, sp
	mov	x2, x20
	bl	write_serial
halt:
	wfi					// an interrupt ends it, even one that is masked
	b	halt

// Lets instructions be cached and, for SHA-256, vectors be used. Keeps in x20 to x22 what `slow_down` restores.
speed_up:
	ic	iallu
	dsb	nsh
	isb
	mrs	x9, CurrentEL
	cmp	x9, #EL2
	b.eq	1f
	mrs	x20, sctlr_el1
	orr	x9, x20, #SCTLR_I
	msr	sctlr_el1, x9
	mrs	x21, cpacr_el1
	orr	x9, x21, #CPACR_FPEN
	msr	cpacr_el1, x9
	isb
	ret
1:	mrs	x20, sctlr_el2
	orr	x9, x20, #SCTLR_I
	msr	sctlr_el2, x9
	mrs	x21, cptr_el2
	mrs	x22, hcr_el2
	orr	x9, x21, #CPACR_FPEN
	tbnz	x22, #HCR_E2H, 2f
	bic	x9, x21, #CPTR_TFP
2:	msr	cptr_el2, x9
	isb
	ret

slow_down:
	mrs	x9, CurrentEL
	cmp	x9, #EL2
	b.eq	1f
	msr	cpacr_el1, x21
	msr	sctlr_el1, x20
	isb
	ret
1:	msr	cptr_el2, x21
	msr	sctlr_el2, x20
	isb
	ret

// x1: the function that digests blocks, by what the CPU can do. Keeps x0.
choose_blocks:
	adr	x1, sha256_blocks_plain
	ldr	w9, [x0, #flags - parameters]
	tbnz	w9, #1, 1f			// FLAG_PLAIN
	mrs	x9, id_aa64isar0_el1
	ubfx	x9, x9, #ISAR0_SHA2, #4
	cbz	x9, 1f
	adr	x1, sha256_blocks_vector
1:	ret

// u64 verify_regions(parameters, blocks): 0 if every digest matches, else the number of the first region that differs,
// from 1.
verify_regions:
	stp	x29, x30, [sp, #-96]!
	stp	x23, x24, [sp, #16]
	stp	x25, x26, [sp, #32]
	stp	x27, x28, [sp, #48]
	mov	x26, x1
	ldr	w27, [x0, #flags - parameters]
	ldr	w24, [x0, #region_count - parameters]
	add	x23, x0, #regions - parameters
	mov	w25, wzr
1:	mov	w0, wzr
	cmp	w25, w24
	b.eq	2f
	add	w25, w25, #1
	ldp	x0, x1, [x23, #REGION_ADDRESS]
	tbnz	w27, #2, 3f			// FLAG_XXH64
	add	x2, sp, #64			// the digest
	mov	x3, x26
	bl	sha256_region
	mov	w0, w25
	ldp	x9, x10, [sp, #64]
	ldp	x11, x12, [x23, #REGION_DIGEST]
	cmp	x9, x11
	ccmp	x10, x12, #0, eq
	b.ne	2f
	ldp	x9, x10, [sp, #80]
	ldp	x11, x12, [x23, #REGION_DIGEST + 16]
	cmp	x9, x11
	ccmp	x10, x12, #0, eq
	b.ne	2f
	add	x23, x23, #REGION_SIZE
	b	1b
3:	bl	xxh64_region
	ldr	x9, [x23, #REGION_DIGEST]
	add	x23, x23, #REGION_SIZE
	cmp	x0, x9
	b.eq	1b
	mov	w0, w25
2:	ldp	x27, x28, [sp, #48]
	ldp	x25, x26, [sp, #32]
	ldp	x23, x24, [sp, #16]
	ldp	x29, x30, [sp], #96
	ret

// u64 format_message(u8 *out, u64 number, u64 address): writes the message, gives its length. The number is at most 99.
format_message:
	mov	x16, x30
	mov	x15, x0
	adr	x9, text_segment
	bl	copy_text
	mov	w10, #10
	udiv	w11, w1, w10
	msub	w12, w11, w10, w1
	cbz	w11, 1f
	add	w11, w11, #'0'
	strb	w11, [x0], #1
1:	add	w12, w12, #'0'
	strb	w12, [x0], #1
	adr	x9, text_at
	bl	copy_text
	orr	x9, x2, #1			// zero has a digit, too
	clz	x9, x9
	mov	w10, #63
	sub	w10, w10, w9
	and	w10, w10, #~3			// the first digit's shift
	adr	x11, digits
2:	lsr	x9, x2, x10
	and	x9, x9, #15
	ldrb	w9, [x11, x9]
	strb	w9, [x0], #1
	subs	w10, w10, #4
	b.pl	2b
	adr	x9, text_differs
	bl	copy_text
	sub	x0, x0, x15
	ret	x16

// Copies from x9 to x0 up to a NUL. Clobbers w10.
copy_text:
	ldrb	w10, [x9], #1
	cbz	w10, 1f
	strb	w10, [x0], #1
	b	copy_text
1:	ret

// void write_serial(const u8 *text, u64 length, u64 uart): gives up on a port that does not take a character in time.
write_serial:
	cbz	x1, 3f
	mov	w9, #UART_POLLS
1:	ldr	w10, [x2, #UART_FLAGS]
	tbz	w10, #UART_FULL, 2f
	subs	w9, w9, #1
	b.ne	1b
	ret
2:	ldrb	w10, [x0], #1
	str	w10, [x2, #UART_DATA]
	sub	x1, x1, #1
	b	write_serial
3:	ret

	.include "xxh64.S"
	.include "sha256.S"

digits:		.ascii	"0123456789abcdef"
text_segment:	.asciz	"warmboot: segment "
text_at:	.asciz	" at 0x"
text_differs:	.asciz	" does not match its checksum; halted\r\n"
	.balign	4, 0

// The stack has a page of its own: an emulator throws away what it has decoded of a page that is written to.
	.set	stack_top, start + STACK_PAGE + STACK_SIZE
