# Calls machine code from the outside and tells what it did to the registers. For tests; runs as a function of C.

	.code64
	.text

# u64 probe_state(code, stack): jumps to code on another stack, with no register left at zero. Code that then jumps to
# `landing` leaves its registers in `record`: rax rbx rcx rdx rsi rdi rbp rsp r8 ... r15 rflags. Gives 1.
probe_state:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, saved(%rip)
	mov	%rsi, %rsp
	mov	$-1, %rax
	mov	%rax, %rbx
	mov	%rax, %rcx
	mov	%rax, %rdx
	mov	%rax, %rsi
	mov	%rax, %rbp
	mov	%rax, %r8
	mov	%rax, %r9
	mov	%rax, %r10
	mov	%rax, %r11
	mov	%rax, %r12
	mov	%rax, %r13
	mov	%rax, %r14
	mov	%rax, %r15
	jmp	*%rdi
landing:
	mov	%rax, record(%rip)
	mov	%rbx, record + 8(%rip)
	mov	%rcx, record + 16(%rip)
	mov	%rdx, record + 24(%rip)
	mov	%rsi, record + 32(%rip)
	mov	%rdi, record + 40(%rip)
	mov	%rbp, record + 48(%rip)
	mov	%rsp, record + 56(%rip)
	mov	%r8, record + 64(%rip)
	mov	%r9, record + 72(%rip)
	mov	%r10, record + 80(%rip)
	mov	%r11, record + 88(%rip)
	mov	%r12, record + 96(%rip)
	mov	%r13, record + 104(%rip)
	mov	%r14, record + 112(%rip)
	mov	%r15, record + 120(%rip)
	pushf
	pop	%rax
	mov	%rax, record + 128(%rip)
	mov	saved(%rip), %rsp
	mov	$1, %eax
	jmp	return

# u64 probe_callee(function, a, b, c): calls function(a, b, c). Gives 0 if it kept the registers that the ABI of C wants
# kept, its stack pointer included.
probe_callee:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, saved(%rip)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	$0x11, %rbx
	mov	$0x22, %rbp
	mov	$0x33, %r12
	mov	$0x44, %r13
	mov	$0x55, %r14
	mov	$0x66, %r15
	call	*%rax
	xor	$0x11, %rbx
	xor	$0x22, %rbp
	xor	$0x33, %r12
	xor	$0x44, %r13
	xor	$0x55, %r14
	xor	$0x66, %r15
	mov	%rsp, %rax
	mov	saved(%rip), %rsp
	sub	%rsp, %rax
	or	%rbx, %rax
	or	%rbp, %rax
	or	%r12, %rax
	or	%r13, %rax
	or	%r14, %rax
	or	%r15, %rax
return:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.balign	8, 0
saved:	.quad	0
record:	.fill	17, 8, 0
