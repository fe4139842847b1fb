# The purgatory: what the kernel that goes down jumps to, and what starts the next one.
#
# It is entered at its first byte by kexec_load(2) in 64-bit mode: interrupts off, all memory that matters mapped at its
# physical address, no usable GDT, IDT or stack, CR0 without EM and TS, CR4 without OSFXSR (so: integer instructions only,
# but where the processor has SHA instructions, for which OSFXSR is on in between). It loads a GDT and a stack of its own,
# compares the XXH64 or the SHA-256 of each region in its parameters, and jumps to the entry as boot.rst of Linux asks for:
# in 64-bit mode ("64-bit boot protocol"), or after leaving it ("32-bit boot protocol"), or as the Multiboot specification
# does, or in real mode ("16-bit boot protocol"). If a region differs it says so and halts: nothing that was altered is ever started. For a crash kernel it can copy memory away that this will overwrite.
#
# Position independent, without relocations: it runs at any address, and below 4 GiB where it leaves 64-bit mode. The stack
# lies after the code, up to `stack_top`, and after it is room for page tables: both are memory, not bytes to load.
# `deno task generate` assembles this file into purgatory_code.ts.

	.set	CODE_SELECTOR, 0x10		# what boot.rst calls __BOOT_CS
	.set	DATA_SELECTOR, 0x18		# and __BOOT_DS

	.set	LAYOUT_NUMBER, 2		# of the parameters; another one when they change

	.set	FLAG_VERIFY, 1			# compare the digests
	.set	FLAG_SERIAL, 2			# complain on a serial port, an 8250
	.set	FLAG_VGA, 4			# complain on the VGA text screen, which must be mapped
	.set	FLAG_SHA, 8			# digest by the processor's SHA instructions, which it must have
	.set	FLAG_XXH64, 16			# the digests are XXH64: 8 bytes, in the processor's order
	.set	FLAG_ENTRY32, 32		# enter the next kernel in 32-bit mode, without paging
	.set	FLAG_LEGACY, 64			# and with interrupt controllers and timer as a BIOS sets them up

	.set	FLAG_ENTRY16, 128		# and in real mode: enter the setup code of an old kernel

	.set	CR0_PE, 1
	.set	CR0_PG, 1 << 31
	.set	CR4_OSFXSR, 1 << 9
	.set	MSR_EFER, 0xc0000080
	.set	EFER_LME, 1 << 8

	.set	REGION_MAX, 16			# as many as kexec_load(2) takes segments
	.set	REGION_ADDRESS, 0
	.set	REGION_LENGTH, 8
	.set	REGION_DIGEST, 16
	.set	REGION_SIZE, 48

	.set	UART_DATA, 0			# registers of an 8250; with the divisor open: its low byte
	.set	UART_INTERRUPTS, 1		# which ones are enabled; and its high byte
	.set	UART_LINE, 3			# line control
	.set	UART_MODEM, 4			# modem control
	.set	UART_STATUS, 5			# line status
	.set	UART_DIVISOR, 0x80		# of line control: opens the divisor
	.set	UART_READY, 3			# of modem control: DTR and RTS
	.set	UART_EMPTY, 0x20		# of line status: it takes a character
	.set	UART_IDLE, 0x40			# and: all of them have left
	.set	UART_POLLS, 0x40000		# about a quarter of a second: far more than one character takes

	.set	CR4_LA57, 1 << 12		# page tables of five levels
	.set	PAGE_PRESENT, 1
	.set	PAGE_LARGE, 0x80
	.set	PAGE_TABLE, 0x63		# present, writable, accessed, dirty
	.set	PAGE_DEVICE, 0x7b		# and not cached

	.set	PIC1, 0x20			# the interrupt controllers: command; 1 further on their data
	.set	PIC2, 0xa0
	.set	PIT, 0x40			# the timer: counter 0; 3 further on its mode

	.set	SCREEN, 0xb8000
	.set	SCREEN_COLUMNS, 80
	.set	SCREEN_COLOUR, 0x4f00		# white on red
	.set	CRTC_INDEX, 0x3d4
	.set	CRTC_START_HIGH, 0x0c		# index; one 16-bit write has it and the data byte 0
	.set	CRTC_START_LOW, 0x0d

	.set	MESSAGE_MAX, 96			# the longest one has 80 characters
	.set	CODE_SIZE, 0x3000		# of the bytes to load: whole pages
	.set	STACK_SIZE, 1024

	.code64
	.text
start:
	jmp	prepare
	.balign	8, 0
layout:		.quad	LAYOUT_NUMBER		# what a stored plan's parameters are read by; 0 in the first ones

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
multiboot_magic: .long	0			# what a Multiboot image finds in eax; 0 for a kernel of Linux
real_base:	.long	0			# where setup code lies, below 1 MiB
real_stack:	.long	0			# where its stack ends, from there
real_stub:	.long	0			# where the way to real mode is copied, below 1 MiB
port:		.quad	0			# the serial port's first register: an I/O port, or a physical address
port_width:	.byte	0			# 0: an I/O port; else memory, of accesses of 1, 2 or 4 bytes
port_shift:	.byte	0			# its registers lie 1 << this apart
port_divisor:	.short	0			# its speed; 0: as it was left
port_line:	.byte	0			# its line control, where a speed is set
	.balign	8, 0

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
1:	testl	$FLAG_ENTRY32, flags(%rip)
	jnz	leave_long_mode			# which copies when all of memory is there, mapped or not
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

# The way out of long mode leads through its compatibility mode, since 64-bit mode cannot turn paging off. CR4 goes last:
# PAE and LA57 (5-level paging) cannot be cleared while paging is on in long mode.
leave_long_mode:
	lea	parameters(%rip), %ebp
	lea	gdt32(%rip), %rax
	mov	%rax, gdt_pointer + 2(%rip)
	lgdt	gdt_pointer(%rip)
	push	$CODE_SELECTOR
	lea	compatibility_mode(%rip), %rax
	push	%rax
	lretq

	.code32
compatibility_mode:
	mov	$DATA_SELECTOR, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	mov	$MSR_EFER, %ecx
	rdmsr
	and	$~EFER_LME, %eax
	wrmsr
	xor	%eax, %eax
	mov	%eax, %cr4
	mov	backup_from - parameters(%ebp), %esi
	mov	backup_to - parameters(%ebp), %edi
	mov	backup_size - parameters(%ebp), %ecx
	rep movsb
	testl	$FLAG_LEGACY, flags - parameters(%ebp)
	jz	1f
	call	reset_legacy
1:	testl	$FLAG_ENTRY16, flags - parameters(%ebp)
	jnz	leave_protected_mode
	pushl	entry - parameters(%ebp)
	mov	boot_params - parameters(%ebp), %esi
	mov	multiboot_magic - parameters(%ebp), %eax
	xor	%ebx, %ebx
	test	%eax, %eax
	jz	2f
	mov	%esi, %ebx			# the Multiboot information
2:	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%edi, %edi
	xor	%ebp, %ebp
	ret

# The way to real mode leads through code below 1 MiB, in a segment of 16 bits that begins with it. Descriptors of 64 KiB
# leave the limits in the segment registers that real mode has.
leave_protected_mode:
	lea	stub - parameters(%ebp), %esi
	mov	real_stub - parameters(%ebp), %ebx
	mov	%ebx, %edi
	mov	$stub_end - stub, %ecx
	rep movsb
	lea	stub_gdt - stub(%ebx), %eax
	mov	%eax, stub_gdt_pointer - stub + 2(%ebx)
	mov	%ebx, %eax
	mov	%ax, stub_code - stub + 2(%ebx)	# bits 15 to 0 of the bases
	mov	%ax, stub_data - stub + 2(%ebx)
	shr	$16, %eax
	mov	%al, stub_code - stub + 4(%ebx)	# bits 23 to 16
	mov	%al, stub_data - stub + 4(%ebx)
	mov	%ebx, %eax
	shr	$4, %eax
	mov	%ax, stub_far - stub + 2(%ebx)
	mov	real_base - parameters(%ebp), %edx
	shr	$4, %edx
	mov	real_stack - parameters(%ebp), %ecx
	lgdt	stub_gdt_pointer - stub(%ebx)
	push	$stub_code - stub_gdt
	push	$stub_16 - stub
	lret

	.balign	16, 0
stub:
stub_gdt:
	.quad	0
stub_code:	.quad	0x00009b000000ffff	# base: where it was copied
stub_data:	.quad	0x000093000000ffff
stub_gdt_pointer:
	.short	. - stub_gdt - 1
	.long	0
stub_idt_pointer:
	.short	0x3ff				# the vectors of the BIOS, at address 0
	.long	0
stub_far:
	.short	stub_real - stub, 0

	.code16
# dx: the segment of the setup code; cx: its stack.
stub_16:
	mov	$stub_data - stub_gdt, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %fs
	mov	%ax, %gs
	mov	%ax, %ss
	lidtl	stub_idt_pointer - stub
	mov	%cr0, %eax
	and	$~CR0_PE, %al
	mov	%eax, %cr0
	ljmpw	*(stub_far - stub)
stub_real:
	mov	%dx, %ds
	mov	%dx, %es
	mov	%dx, %fs
	mov	%dx, %gs
	mov	%dx, %ss
	movzwl	%cx, %esp
	add	$0x20, %dx			# the entry is 512 bytes further on
	push	%dx
	xor	%eax, %eax
	push	%ax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%ebp, %ebp
	lretw
	.code32
stub_end:

# The interrupt controllers and the timer as a BIOS sets them up, which Linux has moved to other vectors, masked and
# stopped. Clobbers eax.
reset_legacy:
	mov	$0x11, %al			# ICW1: edge, cascaded, four words
	out	%al, $PIC1
	out	%al, $PIC2
	mov	$0x08, %al			# ICW2: vectors
	out	%al, $PIC1 + 1
	mov	$0x70, %al
	out	%al, $PIC2 + 1
	mov	$0x04, %al			# ICW3: the second hangs on line 2
	out	%al, $PIC1 + 1
	mov	$0x02, %al
	out	%al, $PIC2 + 1
	mov	$0x01, %al			# ICW4: 8086
	out	%al, $PIC1 + 1
	out	%al, $PIC2 + 1
	mov	$0xb8, %al			# open: timer, keyboard, the second controller, diskette
	out	%al, $PIC1 + 1
	mov	$0x8e, %al			# clock, mouse, FPU, disk
	out	%al, $PIC2 + 1
	mov	$0x36, %al			# counter 0, square wave, of 2^16: 18.2 times a second
	out	%al, $PIT + 3
	xor	%eax, %eax
	out	%al, $PIT
	out	%al, $PIT
	ret
	.code64

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
	cmpb	$0, port_width(%rip)
	je	3f
	mov	%cr3, %rdi			# the running kernel maps memory, not devices
	mov	$39, %esi
	mov	%cr4, %rax
	test	$CR4_LA57, %eax
	jz	2f
	mov	$48, %esi
2:	mov	port(%rip), %rdx
	lea	tables(%rip), %rcx
	call	map_device
3:	call	set_speed
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
	testl	$FLAG_XXH64, flags(%rip)
	jnz	3f
	mov	%rsp, %rdx
	call	sha256_region
	mov	%rsp, %rdi
	lea	REGION_DIGEST(%rbx), %rsi
	mov	$4, %ecx
	repe cmpsq
	jmp	4f
3:	call	xxh64_region
	cmp	REGION_DIGEST(%rbx), %rax
4:	lea	REGION_SIZE(%rbx), %rbx		# leaves the flags
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

# void map_device(u64 root, u32 shift, u64 address, void *pages): maps an address to itself where it is not mapped. The
# root is as CR3 has it, the shift that of its entries; at most three pages become tables. Where a large page or an entry
# is there, it stays: the MTRRs see to it that a device is not cached. What is not there was not cached: nothing is
# to be invalidated.
map_device:
	movabs	$0x000ffffffffff000, %r9	# the address in an entry
1:	and	%r9, %rdi
	xchg	%rcx, %rsi
	mov	%rdx, %rax
	shr	%cl, %rax
	xchg	%rcx, %rsi
	and	$511, %eax
	lea	(%rdi, %rax, 8), %r8
	mov	(%r8), %rdi
	test	$PAGE_PRESENT, %dil
	jnz	3f
	cmp	$21, %esi			# 2 MiB: the last level that is needed
	jbe	4f
	mov	%rcx, %r10
	mov	%rcx, %rdi
	mov	$512, %ecx
	xor	%eax, %eax
	rep stosq
	mov	%rdi, %rcx			# the next page
	lea	PAGE_TABLE(%r10), %rdi
	mov	%rdi, (%r8)
2:	sub	$9, %esi
	jmp	1b
3:	cmp	$12, %esi
	je	5f
	test	$PAGE_LARGE, %dil		# reserved, and so 0, above the level of 1 GiB
	jz	2b
5:	ret
4:	mov	$PAGE_DEVICE, %eax
	mov	%rdx, %rdi
	shr	$12, %rdi
	shl	$12, %rdi
	cmp	$12, %esi			# of 4 KiB, where there is a table for these
	je	6f
	and	$~0x1fffff, %rdi
	or	$PAGE_LARGE, %al
6:	or	%rdi, %rax
	mov	%rax, (%r8)
	ret

# void set_speed(void): as early_serial_hw_init of Linux does (arch/x86/kernel/early_printk.c), once all has left.
set_speed:
	cmpw	$0, port_divisor(%rip)
	je	3f
	mov	$UART_POLLS, %esi
1:	mov	$UART_STATUS, %ecx
	call	read_register
	test	$UART_IDLE, %al
	jnz	2f
	pause
	dec	%esi
	jnz	1b
2:	mov	$UART_INTERRUPTS, %ecx
	xor	%eax, %eax
	call	write_register
	mov	$UART_MODEM, %ecx
	mov	$UART_READY, %eax
	call	write_register
	mov	$UART_LINE, %ecx
	movzbl	port_line(%rip), %eax
	or	$UART_DIVISOR, %eax
	call	write_register
	xor	%ecx, %ecx
	movzbl	port_divisor(%rip), %eax
	call	write_register
	mov	$UART_INTERRUPTS, %ecx
	movzbl	port_divisor + 1(%rip), %eax
	call	write_register
	mov	$UART_LINE, %ecx
	movzbl	port_line(%rip), %eax
	jmp	write_register
3:	ret

# void write_serial(const u8 *text, u64 length): gives up on a port that does not take a character in time. A port that
# is not there reads as all ones, and so seems to take everything.
write_serial:
	mov	$UART_POLLS, %r8d
1:	mov	$UART_STATUS, %ecx
	call	read_register
	test	$UART_EMPTY, %al
	jnz	2f
	pause
	dec	%r8d
	jnz	1b
	ret
2:	xor	%ecx, %ecx			# UART_DATA
	movzbl	(%rdi), %eax
	call	write_register
	inc	%rdi
	dec	%rsi
	jnz	write_serial
	ret

# Reads register ecx into al. Clobbers ecx and edx, as its counterpart does.
read_register:
	call	find_register
	jb	1f
	je	2f
	cmpb	$2, port_width(%rip)
	je	3f
	mov	(%rdx), %eax
	ret
3:	mov	(%rdx), %ax
	ret
2:	mov	(%rdx), %al
	ret
1:	in	%dx, %al
	ret

# Writes al, extended to eax, into register ecx.
write_register:
	call	find_register
	jb	1f
	je	2f
	cmpb	$2, port_width(%rip)
	je	3f
	mov	%eax, (%rdx)
	ret
3:	mov	%ax, (%rdx)
	ret
2:	mov	%al, (%rdx)
	ret
1:	out	%al, %dx
	ret

# Register ecx's place in rdx, and the flags: below for an I/O port, equal for accesses of a byte. Keeps eax.
find_register:
	mov	%ecx, %edx
	mov	port_shift(%rip), %cl
	shl	%cl, %rdx
	add	port(%rip), %rdx
	cmpb	$1, port_width(%rip)
	ret

	.include "xxh64.S"
	.include "sha256.S"

gdt:
	.quad	0
	.quad	0
	.quad	0x00af9b000000ffff		# 0x10: 64-bit code
	.quad	0x00cf93000000ffff		# 0x18: data
gdt_end:
gdt32:						# as long as the other
	.quad	0
	.quad	0
	.quad	0x00cf9b000000ffff		# 0x10: 32-bit code, all of 4 GiB
	.quad	0x00cf93000000ffff		# 0x18: data
gdt_pointer:
	.short	gdt_end - gdt - 1
	.quad	0				# its address, known when it runs

digits:		.ascii	"0123456789abcdef"
text_segment:	.asciz	"warmboot: segment "
text_at:	.asciz	" at 0x"
text_differs:	.asciz	" does not match its checksum; halted\r\n"

# The stack has a page of its own: writing to a page that holds code makes processors, and emulators much more so, throw
# away what they have decoded of it. The page tables, one for each level that may lack one, are filled when they are needed.
	.set	stack_top, start + CODE_SIZE + STACK_SIZE
	.set	tables, start + CODE_SIZE + 0x1000
	.set	memory_end, tables + 3 * 0x1000
