// SHA-256 (FIPS 180-4), by the CPU's instructions for it, and by plain ones. A part of purgatory.S.

// void sha256_region(const u8 *data, u64 length, u8 digest[32], blocks): FIPS 180-4, below 2^61 bytes.
	.set	STATE, 0			// 8 words
	.set	TAIL, 32			// the last one or two blocks, padded
	.set	SAVED, 160
	.set	FRAME, 208
sha256_region:
	sub	sp, sp, #FRAME
	stp	x29, x30, [sp, #SAVED]
	stp	x23, x24, [sp, #SAVED + 16]
	stp	x25, x26, [sp, #SAVED + 32]
	mov	x23, x0
	mov	x24, x1
	mov	x25, x2
	mov	x26, x3

	adr	x9, initial_state
	ldp	x10, x11, [x9]
	stp	x10, x11, [sp, #STATE]
	ldp	x10, x11, [x9, #16]
	stp	x10, x11, [sp, #STATE + 16]
	add	x9, sp, #TAIL
	mov	w10, #8
1:	stp	xzr, xzr, [x9], #16
	subs	w10, w10, #1
	b.ne	1b

	and	x9, x24, #~63			// the whole blocks
	add	x1, x0, x9
	mov	x23, x1
	add	x2, sp, #STATE
	blr	x26

	add	x0, sp, #TAIL			// the rest, a one bit, zeros, and the length in bits, big-endian
	and	x9, x24, #63
	cmp	x9, #56
	mov	w10, #64
	mov	w11, #128
	csel	w10, w10, w11, lo
	mov	x12, x0
2:	cbz	x9, 3f
	ldrb	w13, [x23], #1
	strb	w13, [x12], #1
	sub	x9, x9, #1
	b	2b
3:	mov	w13, #0x80
	strb	w13, [x12]
	add	x1, x0, x10
	lsl	x9, x24, #3
	rev	x9, x9
	str	x9, [x1, #-8]
	add	x2, sp, #STATE
	blr	x26

	mov	w9, #4
	add	x10, sp, #STATE
4:	ldr	x11, [x10], #8
	rev32	x11, x11
	str	x11, [x25], #8
	subs	w9, w9, #1
	b.ne	4b

	ldp	x25, x26, [sp, #SAVED + 32]
	ldp	x23, x24, [sp, #SAVED + 16]
	ldp	x29, x30, [sp, #SAVED]
	add	sp, sp, #FRAME
	ret

// Both functions that digest blocks, from x0 up to x1 into the state at x2.
// This one by the instructions for it: W in v0 to v3, the state in v4 and v5, the constants in v16 to v31.
sha256_blocks_vector:
	adr	x9, round_constants
	ld1	{v16.4s - v19.4s}, [x9], #64
	ld1	{v20.4s - v23.4s}, [x9], #64
	ld1	{v24.4s - v27.4s}, [x9], #64
	ld1	{v28.4s - v31.4s}, [x9]
	ld1	{v4.4s, v5.4s}, [x2]
1:	cmp	x0, x1
	b.eq	2f
	ld1	{v0.4s - v3.4s}, [x0], #64
	rev32	v0.16b, v0.16b
	rev32	v1.16b, v1.16b
	rev32	v2.16b, v2.16b
	rev32	v3.16b, v3.16b
	mov	v6.16b, v4.16b
	mov	v7.16b, v5.16b

// Four rounds: \k holds their constants, \w0 their words.
.macro	four_rounds k, w0
	add	v8.4s, \w0\().4s, \k\().4s
	mov	v9.16b, v4.16b
	sha256h	q4, q5, v8.4s
	sha256h2 q5, q9, v8.4s
.endm
// The same, and then the words of 16 rounds further on take their place.
.macro	four_more k, w0, w1, w2, w3
	four_rounds \k, \w0
	sha256su0 \w0\().4s, \w1\().4s
	sha256su1 \w0\().4s, \w2\().4s, \w3\().4s
.endm
	four_more	v16, v0, v1, v2, v3
	four_more	v17, v1, v2, v3, v0
	four_more	v18, v2, v3, v0, v1
	four_more	v19, v3, v0, v1, v2
	four_more	v20, v0, v1, v2, v3
	four_more	v21, v1, v2, v3, v0
	four_more	v22, v2, v3, v0, v1
	four_more	v23, v3, v0, v1, v2
	four_more	v24, v0, v1, v2, v3
	four_more	v25, v1, v2, v3, v0
	four_more	v26, v2, v3, v0, v1
	four_more	v27, v3, v0, v1, v2
	four_rounds	v28, v0
	four_rounds	v29, v1
	four_rounds	v30, v2
	four_rounds	v31, v3
	add	v4.4s, v4.4s, v6.4s
	add	v5.4s, v5.4s, v7.4s
	b	1b
2:	st1	{v4.4s, v5.4s}, [x2]
	ret

	.balign	64, 0
// The first 32 bits of the fractional parts of the cube roots of the first 64 primes: here, and as K0 to K63.
	.altmacro
.macro	constant index, value
	.set	K\index, \value
	.long	\value
.endm
.macro	eight_constants v0, v1, v2, v3, v4, v5, v6, v7
	.irp	value, \v0, \v1, \v2, \v3, \v4, \v5, \v6, \v7
	constant %index, \value
	.set	index, index + 1
	.endr
.endm
	.set	index, 0
round_constants:
	eight_constants 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
	eight_constants 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
	eight_constants 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
	eight_constants 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
	eight_constants 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
	eight_constants 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
	eight_constants 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
	eight_constants 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
	.noaltmacro
// Likewise of the square roots of the first 8.
initial_state:
	.long	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19

// One round, with constant K\k and word \w. \h becomes the next round's a, \d its e. Clobbers w24 and w25.
.macro	round k, w, a, b, c, d, e, f, g, h
	movz	w24, #K\k & 0xffff
	movk	w24, #K\k >> 16, lsl #16
	add	\h, \h, \w
	add	\h, \h, w24
	ror	w24, \e, #6
	eor	w24, w24, \e, ror #11
	eor	w24, w24, \e, ror #25
	add	\h, \h, w24
	and	w24, \e, \f
	bic	w25, \g, \e
	orr	w24, w24, w25
	add	\h, \h, w24
	add	\d, \d, \h
	ror	w24, \a, #2
	eor	w24, w24, \a, ror #13
	eor	w24, w24, \a, ror #22
	add	\h, \h, w24
	orr	w24, \a, \b
	and	w25, \a, \b
	and	w24, w24, \c
	orr	w24, w24, w25
	add	\h, \h, w24
.endm

// A word takes the place of the one of 16 rounds before: + s0 of 15 before, + 7 before, + s1 of 2 before.
.macro	word_of_schedule w, w15, w7, w2
	ror	w24, \w15, #7
	eor	w24, w24, \w15, ror #18
	eor	w24, w24, \w15, lsr #3
	add	\w, \w, w24
	ror	w24, \w2, #17
	eor	w24, w24, \w2, ror #19
	eor	w24, w24, \w2, lsr #10
	add	\w, \w, \w7
	add	\w, \w, w24
.endm

// The words of the first 16 rounds were loaded.
.macro	word_of_data w, w15, w7, w2
.endm

// Eight rounds, after which every variable is back in its register; \x0 to \x7 hold their words, \y0 to \y7 the other
// eight of the last 16.
.macro	eight_rounds word, k0, k1, k2, k3, k4, k5, k6, k7, x0, x1, x2, x3, x4, x5, x6, x7, y0, y1, y2, y3, y4, y5, y6, y7
	\word	\x0, \x1, \y1, \y6
	round	\k0, \x0, w0, w1, w2, w3, w4, w5, w6, w7
	\word	\x1, \x2, \y2, \y7
	round	\k1, \x1, w7, w0, w1, w2, w3, w4, w5, w6
	\word	\x2, \x3, \y3, \x0
	round	\k2, \x2, w6, w7, w0, w1, w2, w3, w4, w5
	\word	\x3, \x4, \y4, \x1
	round	\k3, \x3, w5, w6, w7, w0, w1, w2, w3, w4
	\word	\x4, \x5, \y5, \x2
	round	\k4, \x4, w4, w5, w6, w7, w0, w1, w2, w3
	\word	\x5, \x6, \y6, \x3
	round	\k5, \x5, w3, w4, w5, w6, w7, w0, w1, w2
	\word	\x6, \x7, \y7, \x4
	round	\k6, \x6, w2, w3, w4, w5, w6, w7, w0, w1
	\word	\x7, \y0, \x0, \x5
	round	\k7, \x7, w1, w2, w3, w4, w5, w6, w7, w0
.endm

.macro	even_rounds word, k0, k1, k2, k3, k4, k5, k6, k7
	eight_rounds \word, \k0, \k1, \k2, \k3, \k4, \k5, \k6, \k7, w8, w9, w10, w11, w12, w13, w14, w15, w16, w17, w18, w19, w20, w21, w22, w23
.endm
.macro	odd_rounds word, k0, k1, k2, k3, k4, k5, k6, k7
	eight_rounds \word, \k0, \k1, \k2, \k3, \k4, \k5, \k6, \k7, w16, w17, w18, w19, w20, w21, w22, w23, w8, w9, w10, w11, w12, w13, w14, w15
.endm

// By plain instructions: the state in w0 to w7, the last 16 words in w8 to w23, the data in x27.
sha256_blocks_plain:
	sub	sp, sp, #96
	stp	x19, x20, [sp]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x27, x0
	mov	x28, x1
	mov	x29, x2
1:	cmp	x27, x28
	b.eq	2f
	ldp	w0, w1, [x29]
	ldp	w2, w3, [x29, #8]
	ldp	w4, w5, [x29, #16]
	ldp	w6, w7, [x29, #24]
	ldp	w8, w9, [x27], #8
	ldp	w10, w11, [x27], #8
	ldp	w12, w13, [x27], #8
	ldp	w14, w15, [x27], #8
	ldp	w16, w17, [x27], #8
	ldp	w18, w19, [x27], #8
	ldp	w20, w21, [x27], #8
	ldp	w22, w23, [x27], #8
	.irp	word, w8, w9, w10, w11, w12, w13, w14, w15, w16, w17, w18, w19, w20, w21, w22, w23
	rev	\word, \word
	.endr
	even_rounds word_of_data, 0, 1, 2, 3, 4, 5, 6, 7
	odd_rounds word_of_data, 8, 9, 10, 11, 12, 13, 14, 15
	even_rounds word_of_schedule, 16, 17, 18, 19, 20, 21, 22, 23
	odd_rounds word_of_schedule, 24, 25, 26, 27, 28, 29, 30, 31
	even_rounds word_of_schedule, 32, 33, 34, 35, 36, 37, 38, 39
	odd_rounds word_of_schedule, 40, 41, 42, 43, 44, 45, 46, 47
	even_rounds word_of_schedule, 48, 49, 50, 51, 52, 53, 54, 55
	odd_rounds word_of_schedule, 56, 57, 58, 59, 60, 61, 62, 63
	ldp	w24, w25, [x29]
	add	w0, w0, w24
	add	w1, w1, w25
	stp	w0, w1, [x29]
	ldp	w24, w25, [x29, #8]
	add	w2, w2, w24
	add	w3, w3, w25
	stp	w2, w3, [x29, #8]
	ldp	w24, w25, [x29, #16]
	add	w4, w4, w24
	add	w5, w5, w25
	stp	w4, w5, [x29, #16]
	ldp	w24, w25, [x29, #24]
	add	w6, w6, w24
	add	w7, w7, w25
	stp	w6, w7, [x29, #24]
	b	1b
2:	ldp	x19, x20, [sp]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	add	sp, sp, #96
	ret
