// XXH64 (its specification, version 0.2.0), by plain instructions. A part of purgatory.S.

// u64 xxh64_region(const u8 *data, u64 length): with seed 0. Needs no other memory: `load` runs it, too, and so takes the
// sums that purgatory compares.
	.set	PRIME1, 0x9e3779b185ebca87	// x9
	.set	PRIME2, 0xc2b2ae3d27d4eb4f	// x10
	.set	PRIME3, 0x165667b19e3779f9	// x11
	.set	PRIME4, 0x85ebca77c2b2ae63	// x16
	.set	PRIME5, 0x27d4eb2f165667c5	// x17

.macro	prime register, value
	movz	\register, #(\value) & 0xffff
	movk	\register, #(\value) >> 16 & 0xffff, lsl #16
	movk	\register, #(\value) >> 32 & 0xffff, lsl #32
	movk	\register, #(\value) >> 48 & 0xffff, lsl #48
.endm

.macro	xxh64_round lane, word
	madd	\lane, \word, x10, \lane
	ror	\lane, \lane, #64 - 31
	mul	\lane, \lane, x9
.endm

// x2 holds the sum. \lane is lost.
.macro	xxh64_merge lane
	mul	\lane, \lane, x10
	ror	\lane, \lane, #64 - 31
	mul	\lane, \lane, x9
	eor	x2, x2, \lane
	madd	x2, x2, x9, x16
.endm

xxh64_region:
	prime	x9, PRIME1
	prime	x10, PRIME2
	prime	x11, PRIME3
	prime	x16, PRIME4
	prime	x17, PRIME5
	mov	x8, x1
	mov	x2, x17
	cmp	x1, #32
	b.lo	2f
	add	x12, x9, x10
	mov	x13, x10
	mov	x14, xzr
	neg	x15, x9
	add	x1, x0, x1
	sub	x1, x1, #32			// the last place where 32 bytes begin
1:	ldp	x3, x4, [x0], #16
	ldp	x5, x6, [x0], #16
	xxh64_round x12, x3
	xxh64_round x13, x4
	xxh64_round x14, x5
	xxh64_round x15, x6
	cmp	x0, x1
	b.ls	1b
	ror	x2, x12, #64 - 1
	ror	x3, x13, #64 - 7
	add	x2, x2, x3
	ror	x3, x14, #64 - 12
	add	x2, x2, x3
	ror	x3, x15, #64 - 18
	add	x2, x2, x3
	xxh64_merge x12
	xxh64_merge x13
	xxh64_merge x14
	xxh64_merge x15
2:	add	x2, x2, x8
	and	x8, x8, #31			// what is left: by 8, by 4, and by single bytes
3:	subs	x8, x8, #8
	b.lo	4f
	ldr	x3, [x0], #8
	mov	x4, xzr
	xxh64_round x4, x3
	eor	x2, x2, x4
	ror	x2, x2, #64 - 27
	madd	x2, x2, x9, x16
	b	3b
4:	tbz	w8, #2, 5f			// what is left is a multiple of 8 too few
	ldr	w3, [x0], #4
	mul	x3, x3, x9
	eor	x2, x2, x3
	ror	x2, x2, #64 - 23
	madd	x2, x2, x10, x11
5:	ands	x8, x8, #3
	b.eq	7f
6:	ldrb	w3, [x0], #1
	mul	x3, x3, x17
	eor	x2, x2, x3
	ror	x2, x2, #64 - 11
	mul	x2, x2, x9
	subs	x8, x8, #1
	b.ne	6b
7:	eor	x2, x2, x2, lsr #33
	mul	x2, x2, x10
	eor	x2, x2, x2, lsr #29
	mul	x2, x2, x11
	eor	x0, x2, x2, lsr #32
	ret
