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

// func expandAES(round, key *uint64)
TEXT ·expandAES(SB), NOSPLIT, $0-16
	MOVQ round+0(FP), AX
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

// func mixAES(words, round *uint64, blocks int)
TEXT ·mixAES(SB), NOSPLIT, $0-24
	MOVQ words+0(FP), AX
	MOVQ round+8(FP), BX
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
