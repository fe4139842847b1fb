# The purgatory: what the kernel that goes down jumps to, and what starts the next one.
#
# It is entered at its first byte by kexec_load(2) in 64-bit mode: interrupts off, all memory that matters mapped at its
# physical address, no usable GDT, IDT or stack, CR0 without EM and TS, CR4 without OSFXSR (so: integer instructions only,
# but where the processor has SHA instructions, for which OSFXSR is on in between). It loads a GDT and a stack of its own,
# compares the SHA-256 of each region in its parameters, and jumps to the entry as boot.rst of Linux asks for ("64-bit boot
# protocol"). If a region differs it says so and halts: nothing that was altered is ever started. For a crash kernel it can
# copy memory away that this will overwrite.
#
# Position independent, without relocations: it runs at any address. The stack lies behind them, up to `stack_top`.
# `deno task generate` assembles this file into purgatory_code.ts.

	.set	CODE_SELECTOR, 0x10		# what boot.rst calls __BOOT_CS
	.set	DATA_SELECTOR, 0x18		# and __BOOT_DS

	.set	FLAG_VERIFY, 1			# compare the digests
	.set	FLAG_SERIAL, 2			# complain on COM1
	.set	FLAG_VGA, 4			# complain on the VGA text screen, which must be mapped
	.set	FLAG_SHA, 8			# digest by the processor's SHA instructions, which it must have

	.set	CR4_OSFXSR, 1 << 9

	.set	REGION_MAX, 16			# as many as kexec_load(2) takes segments
	.set	REGION_ADDRESS, 0
	.set	REGION_LENGTH, 8
	.set	REGION_DIGEST, 16
	.set	REGION_SIZE, 48

	.set	COM1, 0x3f8			# data register; the line status register is 5 further on
	.set	COM1_STATUS, COM1 + 5
	.set	COM1_EMPTY, 0x20		# transmitter holding register empty
	.set	COM1_POLLS, 0x40000		# about a quarter of a second: far more than one character takes

	.set	SCREEN, 0xb8000
	.set	SCREEN_COLUMNS, 80
	.set	SCREEN_COLOUR, 0x4f00		# white on red
	.set	CRTC_INDEX, 0x3d4
	.set	CRTC_START_HIGH, 0x0c		# index; the data byte 0 goes with it in one 16-bit write
	.set	CRTC_START_LOW, 0x0d

	.set	MESSAGE_MAX, 96			# the longest one has 79 characters
	.set	STACK_PAGE, 0x2000
	.set	STACK_SIZE, 1024

	.code64
	.text
start:
	jmp	prepare

# Filled in by the builder.
	.balign	16, 0
parameters:
entry:		.quad	0			# where the next kernel starts
boot_params:	.quad	0			# what it finds in rsi
region_count:	.long	0
flags:		.long	0
regions:	.fill	REGION_MAX * REGION_SIZE, 1, 0
backup_from:	.quad	0			# memory that the next kernel will overwrite
backup_to:	.quad	0			# where it is copied before
backup_size:	.quad	0

prepare:
	cli
	cld
	lea	gdt(%rip), %rax
	mov	%rax, gdt_pointer + 2(%rip)
	lgdt	gdt_pointer(%rip)
	mov	$DATA_SELECTOR, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	testl	$FLAG_SHA, flags(%rip)		# given, not asked for: CPUID may trap, and nothing would take that here
	jz	1f
	mov	%cr4, %rax
	or	$CR4_OSFXSR, %eax
	mov	%rax, %cr4
1:	lea	stack_top(%rip), %rsp
	push	$CODE_SELECTOR			# only a far return or jump loads CS
	lea	prepared(%rip), %rax
	push	%rax
	lretq

prepared:
	testl	$FLAG_VERIFY, flags(%rip)
	jz	back_up
	lea	parameters(%rip), %rdi
	call	verify_regions
	test	%eax, %eax
	jnz	refuse

back_up:
	testl	$FLAG_SHA, flags(%rip)
	jz	1f
	mov	%cr4, %rax
	and	$~CR4_OSFXSR, %rax
	mov	%rax, %cr4
1:
	mov	backup_from(%rip), %rsi
	mov	backup_to(%rip), %rdi
	mov	backup_size(%rip), %rcx
	rep movsb

# rsp stays on our stack: no protocol asks for it, but a payload may push.
hand_over:
	mov	boot_params(%rip), %rsi
	xor	%eax, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%edi, %edi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	jmp	*entry(%rip)

# eax: the region that differs, from 1. Does not return.
refuse:
	mov	%eax, %esi
	imul	$REGION_SIZE, %rax, %rax
	lea	regions - REGION_SIZE(%rip), %rdx
	mov	REGION_ADDRESS(%rdx, %rax), %rdx
	sub	$MESSAGE_MAX, %rsp
	mov	%rsp, %rdi
	call	format_message
	mov	%rax, %rbx
	testl	$FLAG_VGA, flags(%rip)		# first, since it cannot keep us waiting
	jz	1f
	mov	$CRTC_INDEX, %edx		# a console that scrolls by hardware shows from further down
	mov	$CRTC_START_HIGH, %eax
	out	%ax, %dx
	mov	$CRTC_START_LOW, %eax
	out	%ax, %dx
	mov	%rsp, %rdi
	mov	%rbx, %rsi
	mov	$SCREEN, %edx
	call	write_row
1:	testl	$FLAG_SERIAL, flags(%rip)
	jz	halt
	mov	%rsp, %rdi
	mov	%rbx, %rsi
	call	write_serial
halt:
	cli
	hlt					# a non-maskable interrupt may end it
	jmp	halt

# u64 verify_regions(parameters): 0 if every digest matches, else the number of the first region that differs, from 1.
verify_regions:
	push	%rbx
	push	%rbp
	push	%r12
	sub	$32, %rsp			# the digest
	lea	regions - parameters(%rdi), %rbx
	mov	region_count - parameters(%rdi), %r12d
	xor	%ebp, %ebp
1:	xor	%eax, %eax
	cmp	%r12d, %ebp
	je	2f
	inc	%ebp
	mov	REGION_ADDRESS(%rbx), %rdi
	mov	REGION_LENGTH(%rbx), %rsi
	mov	%rsp, %rdx
	call	sha256_region
	mov	%rsp, %rdi
	lea	REGION_DIGEST(%rbx), %rsi
	mov	$4, %ecx
	add	$REGION_SIZE, %rbx
	repe cmpsq
	je	1b
	mov	%ebp, %eax
2:	add	$32, %rsp
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

# u64 format_message(u8 *out, u64 number, u64 address): writes the message, gives its length. The number is at most 99.
format_message:
	mov	%rdi, %r8
	mov	%rsi, %rax
	mov	%rdx, %r9
	lea	text_segment(%rip), %rsi
	call	copy_text
	mov	$10, %ecx
	xor	%edx, %edx
	div	%ecx
	test	%eax, %eax
	jz	1f
	add	$'0', %al
	stosb
1:	lea	'0'(%rdx), %eax
	stosb
	lea	text_at(%rip), %rsi
	call	copy_text
	mov	%r9, %rax
	or	$1, %rax			# zero has a digit, too
	bsr	%rax, %rcx
	and	$~3, %ecx			# the first digit's shift
	lea	digits(%rip), %rdx
2:	mov	%r9, %rax
	shr	%cl, %rax
	and	$15, %eax
	mov	(%rdx, %rax), %al
	stosb
	sub	$4, %ecx
	jns	2b
	lea	text_differs(%rip), %rsi
	call	copy_text
	mov	%rdi, %rax
	sub	%r8, %rax
	ret

# Copies from rsi to rdi up to a NUL. Clobbers r10.
copy_text:
	mov	(%rsi), %r10b
	test	%r10b, %r10b
	jz	1f
	mov	%r10b, (%rdi)
	inc	%rsi
	inc	%rdi
	jmp	copy_text
1:	ret

# void write_row(const u8 *text, u64 length, u16 *screen): the text up to a control character, then blanks to the end.
write_row:
	mov	$SCREEN_COLUMNS, %ecx
1:	mov	$SCREEN_COLOUR + ' ', %eax
	test	%rsi, %rsi
	jz	2f
	cmpb	$' ', (%rdi)
	jb	2f
	mov	(%rdi), %al
	inc	%rdi
	dec	%rsi
2:	mov	%ax, (%rdx)
	add	$2, %rdx
	dec	%ecx
	jnz	1b
	ret

# void write_serial(const u8 *text, u64 length): gives up on a port that does not take a character in time. A port that
# is not there reads as all ones, and so seems to take everything.
write_serial:
	mov	$COM1_POLLS, %ecx
	mov	$COM1_STATUS, %edx
1:	in	%dx, %al
	test	$COM1_EMPTY, %al
	jnz	2f
	pause
	dec	%ecx
	jnz	1b
	ret
2:	mov	$COM1, %edx
	mov	(%rdi), %al
	out	%al, %dx
	inc	%rdi
	dec	%rsi
	jnz	write_serial
	ret

# void sha256_region(const u8 *data, u64 length, u8 digest[32]): FIPS 180-4, below 2^61 bytes.
	.set	STATE, 0			# 8 words
	.set	TAIL, 32			# the last one or two blocks, padded
	.set	LENGTH, 160
	.set	DIGEST, 168
	.set	FRAME, 176
sha256_region:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$FRAME, %rsp
	mov	%rsi, LENGTH(%rsp)
	mov	%rdx, DIGEST(%rsp)
	mov	%rdi, %rbx

	lea	initial_state(%rip), %rsi
	lea	STATE(%rsp), %rdi
	mov	$4, %ecx
	rep movsq
	lea	TAIL(%rsp), %rdi
	xor	%eax, %eax
	mov	$16, %ecx
	rep stosq

	mov	%rbx, %rdi			# the whole blocks
	mov	LENGTH(%rsp), %rsi
	and	$-64, %rsi
	add	%rdi, %rsi
	lea	STATE(%rsp), %rdx
	call	sha256_blocks

	mov	%rdi, %rsi			# the rest, a one bit, zeros, and the length in bits, big-endian
	lea	TAIL(%rsp), %rdi
	mov	LENGTH(%rsp), %rax
	mov	%eax, %ecx
	and	$63, %ecx
	mov	$64, %edx
	cmp	$56, %ecx
	jb	1f
	mov	$128, %edx
1:	rep movsb
	movb	$0x80, (%rdi)
	shl	$3, %rax
	bswap	%rax
	lea	TAIL(%rsp), %rdi
	lea	(%rdi, %rdx), %rsi
	mov	%rax, -8(%rsi)
	lea	STATE(%rsp), %rdx
	call	sha256_blocks

	mov	DIGEST(%rsp), %rdi
	xor	%ecx, %ecx
2:	mov	STATE(%rsp, %rcx, 4), %eax
	bswap	%eax
	mov	%eax, (%rdi, %rcx, 4)
	inc	%ecx
	cmp	$8, %ecx
	jb	2b

	add	$FRAME, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

# Two rotations of \from and a third term, nested so that one register suffices.
.macro	sum from, to, first, second, third
	mov	\from, \to
	ror	$\first, \to
	xor	\from, \to
	ror	$\second, \to
	xor	\from, \to
	ror	$\third, \to
.endm

# One round. r12d holds the message word. \ab gets a^b, which is the next round's b^c: \bc holds this round's, so that
# maj(a,b,c) = ((a^b) & (b^c)) ^ b costs one operation less. Clobbers \bc, r13d and r15d.
.macro	round i, a, b, c, d, e, f, g, h, ab, bc
	mov	%r12d, 4 * (\i)(%rsp)
	add	4 * (\i)(%rsi), \h
	add	%r12d, \h
	mov	\f, %r13d
	xor	\g, %r13d
	and	\e, %r13d
	xor	\g, %r13d
	add	%r13d, \h
	sum	\e, %r15d, 14, 5, 6
	add	%r15d, \h
	add	\h, \d
	mov	\a, \ab
	xor	\b, \ab
	and	\ab, \bc
	xor	\b, \bc
	add	\bc, \h
	sum	\a, %r15d, 9, 11, 2
	add	%r15d, \h
.endm

# The message word of a round: in the first 16 rounds from the data, ...
.macro	word_of_data i
	mov	4 * (\i)(%rdi), %r12d
	bswap	%r12d
.endm

# ... then from the 16 words before. The new word takes the place of the oldest.
.macro	word_of_schedule i
	mov	4 * ((\i + 1) & 15)(%rsp), %r12d
	mov	4 * ((\i + 14) & 15)(%rsp), %r15d
	mov	%r12d, %r13d
	ror	$11, %r13d
	xor	%r12d, %r13d
	ror	$7, %r13d
	shr	$3, %r12d
	xor	%r13d, %r12d
	mov	%r15d, %r13d
	ror	$2, %r13d
	xor	%r15d, %r13d
	ror	$17, %r13d
	shr	$10, %r15d
	xor	%r13d, %r15d
	add	4 * (\i)(%rsp), %r12d
	add	4 * ((\i + 9) & 15)(%rsp), %r12d
	add	%r15d, %r12d
.endm

# Eight rounds, after which every variable is back in its register.
.macro	eight_rounds word, i
	\word	\i
	round	\i, %eax, %ebx, %ecx, %edx, %r8d, %r9d, %r10d, %r11d, %r14d, %ebp
	\word	\i+1
	round	\i+1, %r11d, %eax, %ebx, %ecx, %edx, %r8d, %r9d, %r10d, %ebp, %r14d
	\word	\i+2
	round	\i+2, %r10d, %r11d, %eax, %ebx, %ecx, %edx, %r8d, %r9d, %r14d, %ebp
	\word	\i+3
	round	\i+3, %r9d, %r10d, %r11d, %eax, %ebx, %ecx, %edx, %r8d, %ebp, %r14d
	\word	\i+4
	round	\i+4, %r8d, %r9d, %r10d, %r11d, %eax, %ebx, %ecx, %edx, %r14d, %ebp
	\word	\i+5
	round	\i+5, %edx, %r8d, %r9d, %r10d, %r11d, %eax, %ebx, %ecx, %ebp, %r14d
	\word	\i+6
	round	\i+6, %ecx, %edx, %r8d, %r9d, %r10d, %r11d, %eax, %ebx, %r14d, %ebp
	\word	\i+7
	round	\i+7, %ebx, %ecx, %edx, %r8d, %r9d, %r10d, %r11d, %eax, %ebp, %r14d
.endm

# Blocks from rdi up to rsi into the state at rdx. Gives rdi at the end; clobbers every other register but rsp.
	.set	BLOCK_STATE, 64			# behind the 16 words of the schedule
	.set	BLOCK_END, 72
	.set	BLOCK_FRAME, 80
sha256_blocks:
	testl	$FLAG_SHA, flags(%rip)
	jnz	sha_blocks
	sub	$BLOCK_FRAME, %rsp
	mov	%rdx, BLOCK_STATE(%rsp)
	mov	%rsi, BLOCK_END(%rsp)
1:	cmp	BLOCK_END(%rsp), %rdi
	je	3f
	mov	BLOCK_STATE(%rsp), %rsi
	mov	(%rsi), %eax
	mov	4(%rsi), %ebx
	mov	8(%rsi), %ecx
	mov	12(%rsi), %edx
	mov	16(%rsi), %r8d
	mov	20(%rsi), %r9d
	mov	24(%rsi), %r10d
	mov	28(%rsi), %r11d
	mov	%ebx, %ebp
	xor	%ecx, %ebp
	lea	round_constants(%rip), %rsi
	eight_rounds word_of_data, 0
	eight_rounds word_of_data, 8
2:	add	$64, %rsi
	eight_rounds word_of_schedule, 0
	eight_rounds word_of_schedule, 8
	lea	round_constants + 192(%rip), %r12
	cmp	%r12, %rsi
	jb	2b
	mov	BLOCK_STATE(%rsp), %rsi
	add	%eax, (%rsi)
	add	%ebx, 4(%rsi)
	add	%ecx, 8(%rsi)
	add	%edx, 12(%rsi)
	add	%r8d, 16(%rsi)
	add	%r9d, 20(%rsi)
	add	%r10d, 24(%rsi)
	add	%r11d, 28(%rsi)
	add	$64, %rdi
	jmp	1b
3:	add	$BLOCK_FRAME, %rsp
	ret

# The same by SHA instructions, which keep the state as (f, e, b, a) and (h, g, d, c), from the lowest word on.

# Four rounds, \i from 0: two of them turn (h, g, d, c) into (f, e, b, a), and what that was is the other half then.
.macro	sha_rounds i, words
	movdqa	16 * (\i)(%rsi), %xmm0
	paddd	\words, %xmm0
	sha256rnds2	%xmm1, %xmm2
	pshufd	$0x0e, %xmm0, %xmm0
	sha256rnds2	%xmm2, %xmm1
.endm

# The same, then the four message words of 16 rounds later, in the place of those that were used: \words, \b, \c and \d
# hold 16 of them.
.macro	sha_rounds_and_words i, words, b, c, d
	sha_rounds	\i, \words
	sha256msg1	\b, \words
	movdqa	\d, %xmm7
	palignr	$4, \c, %xmm7
	paddd	%xmm7, \words
	sha256msg2	\d, \words
.endm

.macro	sha_load at, words
	movdqu	\at(%rdi), \words
	pshufb	%xmm10, \words
.endm

sha_blocks:
	mov	%rsi, %rax
	lea	round_constants(%rip), %rsi
	movdqa	byte_order(%rip), %xmm10
	movdqu	(%rdx), %xmm1			# (a, b, c, d)
	movdqu	16(%rdx), %xmm2			# (e, f, g, h)
	pshufd	$0xb1, %xmm1, %xmm1		# (b, a, d, c)
	pshufd	$0x1b, %xmm2, %xmm2		# (h, g, f, e)
	movdqa	%xmm1, %xmm7
	palignr	$8, %xmm2, %xmm1
	pblendw	$0xf0, %xmm7, %xmm2
1:	cmp	%rax, %rdi
	je	2f
	movdqa	%xmm1, %xmm8
	movdqa	%xmm2, %xmm9
	sha_load	0, %xmm3
	sha_load	16, %xmm4
	sha_load	32, %xmm5
	sha_load	48, %xmm6
	.irp	i, 0, 4, 8
	sha_rounds_and_words	\i, %xmm3, %xmm4, %xmm5, %xmm6
	sha_rounds_and_words	\i+1, %xmm4, %xmm5, %xmm6, %xmm3
	sha_rounds_and_words	\i+2, %xmm5, %xmm6, %xmm3, %xmm4
	sha_rounds_and_words	\i+3, %xmm6, %xmm3, %xmm4, %xmm5
	.endr
	sha_rounds	12, %xmm3
	sha_rounds	13, %xmm4
	sha_rounds	14, %xmm5
	sha_rounds	15, %xmm6
	paddd	%xmm8, %xmm1
	paddd	%xmm9, %xmm2
	add	$64, %rdi
	jmp	1b
2:	pshufd	$0x1b, %xmm1, %xmm1		# (a, b, e, f)
	pshufd	$0xb1, %xmm2, %xmm2		# (g, h, c, d)
	movdqa	%xmm1, %xmm7
	pblendw	$0xf0, %xmm2, %xmm1
	palignr	$8, %xmm7, %xmm2
	movdqu	%xmm1, (%rdx)
	movdqu	%xmm2, 16(%rdx)
	ret

	.balign	64, 0
# The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
round_constants:
	.long	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
	.long	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
	.long	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
	.long	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
	.long	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
	.long	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
	.long	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
	.long	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
byte_order:
	.byte	3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12
# Likewise of the square roots of the first 8.
initial_state:
	.long	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19

gdt:
	.quad	0
	.quad	0
	.quad	0x00af9b000000ffff		# 0x10: 64-bit code
	.quad	0x00cf93000000ffff		# 0x18: data
gdt_pointer:
	.short	. - gdt - 1
	.quad	0				# its address, known when it runs

digits:		.ascii	"0123456789abcdef"
text_segment:	.asciz	"warmboot: segment "
text_at:	.asciz	" at 0x"
text_differs:	.asciz	" does not match its SHA-256; halted\r\n"

# The stack has a page of its own: writing to a page that holds code makes processors, and emulators much more so, throw
# away what they have decoded of it.
	.set	stack_top, start + STACK_PAGE + STACK_SIZE
