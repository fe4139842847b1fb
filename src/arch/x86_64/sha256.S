# SHA-256 (FIPS 180-4), by integer and by SHA instructions. A part of purgatory.S.

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
	.set	BLOCK_STATE, 64			# after the 16 words of the schedule
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
