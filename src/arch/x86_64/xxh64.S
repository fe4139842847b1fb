# XXH64 (its specification, version 0.2.0), by integer instructions. A part of purgatory.S.

# u64 xxh64_region(const u8 *data, u64 length): with seed 0. Needs no other memory: `load` runs it, too, and so takes the
# sums that purgatory compares.
	.set	PRIME1, 0x9e3779b185ebca87
	.set	PRIME2, 0xc2b2ae3d27d4eb4f
	.set	PRIME3, 0x165667b19e3779f9
	.set	PRIME4, 0x85ebca77c2b2ae63
	.set	PRIME5, 0x27d4eb2f165667c5

# rdx and rcx hold PRIME1 and PRIME2. \word is lost.
.macro	xxh64_round lane, word
	imul	%rcx, \word
	add	\word, \lane
	rol	$31, \lane
	imul	%rdx, \lane
.endm

.macro	xxh64_lane lane, at
	mov	\at(%rdi), %rax
	xxh64_round \lane, %rax
.endm

.macro	xxh64_add lane, left
	mov	\lane, %rsi
	rol	$\left, %rsi
	add	%rsi, %rax
.endm

# rax holds the sum, rbx PRIME4. \lane is lost.
.macro	xxh64_merge lane
	imul	%rcx, \lane
	rol	$31, \lane
	imul	%rdx, \lane
	xor	\lane, %rax
	imul	%rdx, %rax
	add	%rbx, %rax
.endm

xxh64_region:
	push	%rbx
	push	%rbp
	mov	%rsi, %rbp
	movabs	$PRIME1, %rdx
	movabs	$PRIME2, %rcx
	movabs	$PRIME4, %rbx
	movabs	$PRIME5, %rax
	cmp	$32, %rsi
	jb	2f
	lea	(%rdx, %rcx), %r8
	mov	%rcx, %r9
	xor	%r10d, %r10d
	mov	%rdx, %r11
	neg	%r11
	add	%rdi, %rsi
	sub	$32, %rsi			# the last place where 32 bytes begin
1:	xxh64_lane %r8, 0
	xxh64_lane %r9, 8
	xxh64_lane %r10, 16
	xxh64_lane %r11, 24
	add	$32, %rdi
	cmp	%rsi, %rdi
	jbe	1b
	mov	%r8, %rax
	rol	$1, %rax
	xxh64_add %r9, 7
	xxh64_add %r10, 12
	xxh64_add %r11, 18
	xxh64_merge %r8
	xxh64_merge %r9
	xxh64_merge %r10
	xxh64_merge %r11
2:	add	%rbp, %rax
	and	$31, %ebp			# what is left: by 8, by 4, and by single bytes
	movabs	$PRIME3, %r10
	movabs	$PRIME5, %r11
3:	sub	$8, %ebp
	jb	4f
	mov	(%rdi), %r8
	xor	%r9d, %r9d
	xxh64_round %r9, %r8
	xor	%r9, %rax
	rol	$27, %rax
	imul	%rdx, %rax
	add	%rbx, %rax
	add	$8, %rdi
	jmp	3b
4:	test	$4, %ebp			# what is left is a multiple of 8 too few
	jz	5f
	mov	(%rdi), %r8d
	imul	%rdx, %r8
	xor	%r8, %rax
	rol	$23, %rax
	imul	%rcx, %rax
	add	%r10, %rax
	add	$4, %rdi
5:	and	$3, %ebp
	jz	7f
6:	movzbl	(%rdi), %r8d
	imul	%r11, %r8
	xor	%r8, %rax
	rol	$11, %rax
	imul	%rdx, %rax
	inc	%rdi
	dec	%ebp
	jnz	6b
7:	mov	%rax, %r8
	shr	$33, %r8
	xor	%r8, %rax
	imul	%rcx, %rax
	mov	%rax, %r8
	shr	$29, %r8
	xor	%r8, %rax
	imul	%r10, %rax
	mov	%rax, %r8
	shr	$32, %r8
	xor	%r8, %rax
	pop	%rbp
	pop	%rbx
	ret
