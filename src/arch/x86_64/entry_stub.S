# The entry stub: it takes the place of the decompressor in a bzImage whose kernel was unpacked before.
#
# kexec_file_load(2) takes a bzImage, and the running kernel's purgatory enters it 0x200 bytes into its protected-mode code,
# as boot.rst of Linux says ("64-bit boot protocol"): in 64-bit mode, rsi points to boot_params, interrupts are off, and all
# memory that matters is mapped at its physical address. The kernel's own startup_64 asks for the same, so the stub has
# little to do: it sets the bits of boot_params.hdr.loadflags that a decompressor reports (the loader zeroes that field),
# and jumps. The distance to startup_64 does not depend on where the loader placed the image, and startup_64 computes the
# physical base from where it runs.
#
# Position independent, without relocations and without a stack. It writes to nothing but loadflags.
# `deno task generate` assembles this file into entry_stub_code.ts.

	.set	LOADFLAGS, 0x211		# boot_params.hdr.loadflags
	.set	KASLR_FLAG, 2			# in it: the kernel's virtual base is random

	.code64
	.text

stub:
	cli
	cld
	movb	loadflags(%rip), %al
	orb	%al, LOADFLAGS(%rsi)
	leaq	stub(%rip), %rax
	addq	startup(%rip), %rax
	jmpq	*%rax

	.balign	8
startup:
	.quad	0				# bytes from `stub` to startup_64
loadflags:
	.quad	0				# the bits to set
