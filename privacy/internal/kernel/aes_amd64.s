//go:build amd64 && !purego

#include "textflag.h"

// The schedule of AES-128 (FIPS 197, section 5.2), a round key a macro.
#define SCHEDULE(constant, at) \
	AESKEYGENASSIST $constant, X0, X1 \
	PSHUFD $0xff, X1, X1 \
	MOVOU X0, X2 \
	PSLLDQ $4, X2 \
	PXOR X2, X0 \
	PSLLDQ $4, X2 \
	PXOR X2, X0 \
	PSLLDQ $4, X2 \
	PXOR X2, X0 \
	PXOR X1, X0 \
	MOVOU X0, at(AX)

// func expandAES(rounds, key *byte)
TEXT ·expandAES(SB), NOSPLIT, $0-16
	MOVQ rounds+0(FP), AX
	MOVQ key+8(FP), BX
	MOVOU (BX), X0
	MOVOU X0, (AX)
	SCHEDULE(0x01, 16)
	SCHEDULE(0x02, 32)
	SCHEDULE(0x04, 48)
	SCHEDULE(0x08, 64)
	SCHEDULE(0x10, 80)
	SCHEDULE(0x20, 96)
	SCHEDULE(0x40, 112)
	SCHEDULE(0x80, 128)
	SCHEDULE(0x1b, 144)
	SCHEDULE(0x36, 160)
	RET

// One step of eight blocks, in X0 to X7, under the round key at that offset.
#define EIGHT(step, at) \
	MOVOU at(BX), X8 \
	step X8, X0 \
	step X8, X1 \
	step X8, X2 \
	step X8, X3 \
	step X8, X4 \
	step X8, X5 \
	step X8, X6 \
	step X8, X7

#define OUT(x, at) \
	MOVOU at(AX), X9 \
	PXOR X9, x \
	MOVOU x, at(AX)

#define ONE(step, at) \
	MOVOU at(BX), X8 \
	step X8, X0

// func mixAES(words *uint64, rounds *byte, blocks int)
TEXT ·mixAES(SB), NOSPLIT, $0-24
	MOVQ words+0(FP), AX
	MOVQ rounds+8(FP), BX
	MOVQ blocks+16(FP), CX
	SUBQ $8, CX
	JLT  few
many:
	MOVOU 0(AX), X0
	MOVOU 16(AX), X1
	MOVOU 32(AX), X2
	MOVOU 48(AX), X3
	MOVOU 64(AX), X4
	MOVOU 80(AX), X5
	MOVOU 96(AX), X6
	MOVOU 112(AX), X7
	EIGHT(PXOR, 0)
	EIGHT(AESENC, 16)
	EIGHT(AESENC, 32)
	EIGHT(AESENC, 48)
	EIGHT(AESENC, 64)
	EIGHT(AESENC, 80)
	EIGHT(AESENC, 96)
	EIGHT(AESENC, 112)
	EIGHT(AESENC, 128)
	EIGHT(AESENC, 144)
	EIGHT(AESENCLAST, 160)
	OUT(X0, 0)
	OUT(X1, 16)
	OUT(X2, 32)
	OUT(X3, 48)
	OUT(X4, 64)
	OUT(X5, 80)
	OUT(X6, 96)
	OUT(X7, 112)
	ADDQ $128, AX
	SUBQ $8, CX
	JGE  many
few:
	ADDQ $8, CX
	JZ   done
one:
	MOVOU 0(AX), X0
	ONE(PXOR, 0)
	ONE(AESENC, 16)
	ONE(AESENC, 32)
	ONE(AESENC, 48)
	ONE(AESENC, 64)
	ONE(AESENC, 80)
	ONE(AESENC, 96)
	ONE(AESENC, 112)
	ONE(AESENC, 128)
	ONE(AESENC, 144)
	ONE(AESENCLAST, 160)
	OUT(X0, 0)
	ADDQ $16, AX
	SUBQ $1, CX
	JNZ  one
done:
	RET

// A block is a counter of 128 bits, the first byte the highest: turned from the
// lanes' own order.
DATA turned<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA turned<>+8(SB)/8, $0x0001020304050607
GLOBL turned<>(SB), RODATA|NOPTR, $16

// TWO does the first two rounds of the counter AX into x, under BX's keys. In X10
// lies turned.
#define TWO(x) \
	VMOVQ AX, x \
	VPSHUFB X10, x, x \
	VPXOR (BX), x, x \
	VAESENC 16(BX), x, x \
	VAESENC 32(BX), x, x

// func aheadAES(ahead, rounds *byte)
TEXT ·aheadAES(SB), NOSPLIT, $0-16
	MOVQ ahead+0(FP), DI
	MOVQ rounds+8(FP), BX
	VMOVDQU turned<>(SB), X10
	XORQ AX, AX
	TWO(X1)
low:
	TWO(X0)
	VPXOR X1, X0, X0
	VMOVDQU X0, (DI)
	ADDQ $16, DI
	INCQ AX
	CMPQ AX, $256
	JNE  low
	RET

// One step of sixteen blocks, in Z0 to Z3.
#define SIXTEEN(step, key) \
	step key, Z0, Z0 \
	step key, Z1, Z1 \
	step key, Z2, Z2 \
	step key, Z3, Z3

#define PLUS(z, at) \
	VPADDD at(DI), z, z \
	VMOVDQU32 z, at(DI)

#define MINUS(z, at) \
	VMOVDQU32 at(DI), Z4 \
	VPSUBD z, Z4, Z4 \
	VMOVDQU32 Z4, at(DI)

// func addStream(v *uint32, rounds, ahead *byte, counter uint64, groups int, off bool)
TEXT ·addStream(SB), NOSPLIT, $0-41
	MOVQ v+0(FP), DI
	MOVQ rounds+8(FP), BX
	MOVQ ahead+16(FP), SI
	MOVQ counter+24(FP), CX
	MOVQ groups+32(FP), DX
	MOVBLZX off+40(FP), R9
	VBROADCASTI32X4 48(BX), Z16
	VBROADCASTI32X4 64(BX), Z17
	VBROADCASTI32X4 80(BX), Z18
	VBROADCASTI32X4 96(BX), Z19
	VBROADCASTI32X4 112(BX), Z20
	VBROADCASTI32X4 128(BX), Z21
	VBROADCASTI32X4 144(BX), Z22
	VBROADCASTI32X4 160(BX), Z23
	VMOVDQU turned<>(SB), X10
run: // of blocks whose counters differ in the low byte alone: sixteen groups, or what is left
	MOVQ CX, AX
	ANDQ $-256, AX
	TWO(X9)
	VSHUFI32X4 $0, Z9, Z9, Z24
	MOVBLZX CX, R10 // the low byte, a multiple of 16
	MOVQ R10, R11
	SHLQ $4, R10
	ADDQ SI, R10 // where its sixteen blocks are
	SHRQ $4, R11
	NEGQ R11
	ADDQ $16, R11 // groups that are left of the run
	CMPQ R11, DX
	CMOVQGT DX, R11
	SUBQ R11, DX
	MOVQ R11, AX
	SHLQ $4, AX
	ADDQ AX, CX
	TESTL R9, R9
	JNZ  minus
plus:
	VPXORQ (R10), Z24, Z0
	VPXORQ 64(R10), Z24, Z1
	VPXORQ 128(R10), Z24, Z2
	VPXORQ 192(R10), Z24, Z3
	SIXTEEN(VAESENC, Z16)
	SIXTEEN(VAESENC, Z17)
	SIXTEEN(VAESENC, Z18)
	SIXTEEN(VAESENC, Z19)
	SIXTEEN(VAESENC, Z20)
	SIXTEEN(VAESENC, Z21)
	SIXTEEN(VAESENC, Z22)
	SIXTEEN(VAESENCLAST, Z23)
	PLUS(Z0, 0)
	PLUS(Z1, 64)
	PLUS(Z2, 128)
	PLUS(Z3, 192)
	ADDQ $256, R10
	ADDQ $256, DI
	DECQ R11
	JNZ  plus
	TESTQ DX, DX
	JNZ  run
	VZEROUPPER
	RET
minus:
	VPXORQ (R10), Z24, Z0
	VPXORQ 64(R10), Z24, Z1
	VPXORQ 128(R10), Z24, Z2
	VPXORQ 192(R10), Z24, Z3
	SIXTEEN(VAESENC, Z16)
	SIXTEEN(VAESENC, Z17)
	SIXTEEN(VAESENC, Z18)
	SIXTEEN(VAESENC, Z19)
	SIXTEEN(VAESENC, Z20)
	SIXTEEN(VAESENC, Z21)
	SIXTEEN(VAESENC, Z22)
	SIXTEEN(VAESENCLAST, Z23)
	MINUS(Z0, 0)
	MINUS(Z1, 64)
	MINUS(Z2, 128)
	MINUS(Z3, 192)
	ADDQ $256, R10
	ADDQ $256, DI
	DECQ R11
	JNZ  minus
	TESTQ DX, DX
	JNZ  run
	VZEROUPPER
	RET
