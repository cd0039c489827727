//go:build amd64 && !purego

#include "textflag.h"

// A tile is 4 rows of 32 columns of c: accumulators in Z8 to Z15, b's row in Z0 and
// Z1, a's values in Z2 and Z3, products in Z4 to Z7. Where there are fewer rows, the
// missing ones are the last one again: computed, and not stored. Products are rounded
// before they are added, so no fused instruction stands here.

#define ROW(a, value, left, right, low, high) \
	VBROADCASTSS (a), value \
	VMULPS Z0, value, left \
	VADDPS left, low, low \
	VMULPS Z1, value, right \
	VADDPS right, high, high

#define LOAD(low, high) \
	VMOVUPS.Z (AX), K1, low \
	VMOVUPS.Z 64(AX), K2, high

#define STORE(low, high) \
	VMOVUPS low, K1, (AX) \
	VMOVUPS high, K2, 64(AX)

// func tile(c, a, b *float32, k, cRow, aRow, aStep, bRow, rows int, columns uint32)
TEXT ·tile(SB), NOSPLIT, $0-76
	MOVQ c+0(FP), AX
	MOVQ a+8(FP), R8
	MOVQ b+16(FP), BX
	MOVQ k+24(FP), CX
	MOVQ cRow+32(FP), DX
	MOVQ aRow+40(FP), SI
	MOVQ aStep+48(FP), R12
	MOVQ bRow+56(FP), R13
	MOVQ rows+64(FP), DI
	MOVL columns+72(FP), R9
	KMOVW R9, K1
	SHRL $16, R9
	KMOVW R9, K2
	SHLQ $2, DX
	SHLQ $2, SI
	SHLQ $2, R12
	SHLQ $2, R13
	MOVQ R8, R9
	LOAD(Z8, Z9)
	CMPQ DI, $1
	JLE  a1
	ADDQ SI, R9
	ADDQ DX, AX
a1:
	MOVQ R9, R10
	LOAD(Z10, Z11)
	CMPQ DI, $2
	JLE  a2
	ADDQ SI, R10
	ADDQ DX, AX
a2:
	MOVQ R10, R11
	LOAD(Z12, Z13)
	CMPQ DI, $3
	JLE  a3
	ADDQ SI, R11
	ADDQ DX, AX
a3:
	LOAD(Z14, Z15)

loop:
	VMOVUPS.Z (BX), K1, Z0
	VMOVUPS.Z 64(BX), K2, Z1
	ROW(R8, Z2, Z4, Z5, Z8, Z9)
	ROW(R9, Z3, Z6, Z7, Z10, Z11)
	ROW(R10, Z2, Z4, Z5, Z12, Z13)
	ROW(R11, Z3, Z6, Z7, Z14, Z15)
	ADDQ R12, R8
	ADDQ R12, R9
	ADDQ R12, R10
	ADDQ R12, R11
	ADDQ R13, BX
	DECQ CX
	JNZ  loop

	MOVQ c+0(FP), AX
	STORE(Z8, Z9)
	CMPQ DI, $1
	JLE  done
	ADDQ DX, AX
	STORE(Z10, Z11)
	CMPQ DI, $2
	JLE  done
	ADDQ DX, AX
	STORE(Z12, Z13)
	CMPQ DI, $3
	JLE  done
	ADDQ DX, AX
	STORE(Z14, Z15)
done:
	VZEROUPPER
	RET
