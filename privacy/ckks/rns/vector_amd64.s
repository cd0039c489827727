//go:build amd64 && !purego

#include "textflag.h"

// Arithmetic on vectors of residues, eight a register. Lengths are multiples of 32.

#define NEGQ   Z31
#define Q2     Z30
#define MASK   Z29
#define Q      Z28
#define MU     Z27
#define MONT   Z26
#define RADIX  Z25
#define RADIXQ Z24
#define T      Z23
#define U      Z22

#define CONSTANTS \
	VPBROADCASTQ 0(DI), Q; \
	VPBROADCASTQ 8(DI), Q2; \
	VPBROADCASTQ 16(DI), NEGQ; \
	VPBROADCASTQ 24(DI), MU; \
	VPBROADCASTQ 32(DI), MONT; \
	VPBROADCASTQ 40(DI), RADIX; \
	VPBROADCASTQ 48(DI), RADIXQ; \
	MOVQ $0xfffffffffffff, R8; \
	VPBROADCASTQ R8, MASK

// X below 2q to below q.
#define BELOW(X) \
	VPSUBQ Q, X, T; \
	VPMINUQ T, X, X

// X below 4q to below q.
#define BELOW4(X) \
	VPSUBQ Q2, X, T; \
	VPMINUQ T, X, X; \
	BELOW(X)

// OUT = W X, below 2q, for X below 2^52.
#define TIMES(X, W, WQ, OUT) \
	VPXORQ T, T, T; \
	VPMADD52HUQ WQ, X, T; \
	VPXORQ OUT, OUT, OUT; \
	VPMADD52LUQ W, X, OUT; \
	VPMADD52LUQ NEGQ, T, OUT; \
	VPANDQ MASK, OUT, OUT

// X below 2^52 to below 2q.
#define BARRETT(X) \
	VPXORQ T, T, T; \
	VPMADD52HUQ MU, X, T; \
	VPMADD52LUQ NEGQ, T, X; \
	VPANDQ MASK, X, X

// HI = (HI 2^52 + LO) / 2^52 modulo q, not reduced.
#define REDC(LO, HI) \
	VPXORQ T, T, T; \
	VPMADD52LUQ MONT, LO, T; \
	VPMADD52LUQ Q, T, LO; \
	VPMADD52HUQ Q, T, HI; \
	VPSRLQ $52, LO, LO; \
	VPADDQ LO, HI, HI

// Any X to below 4q, through LO.
#define FOLD(LO, X) \
	VPSRLQ $52, X, LO; \
	VPANDQ MASK, X, X; \
	BARRETT(X); \
	TIMES(LO, RADIX, RADIXQ, U); \
	VPADDQ U, X, X

// func addIFMA(out, a, b *uint64, n int, k *constants)
TEXT ·addIFMA(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ a+8(FP), BX
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ k+32(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VMOVDQU64 (BX)(SI*8), Z0
	VPADDQ (DX)(SI*8), Z0, Z0
	BELOW(Z0)
	VMOVDQU64 Z0, (AX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

// func subIFMA(out, a, b *uint64, n int, k *constants)
TEXT ·subIFMA(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ a+8(FP), BX
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ k+32(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VMOVDQU64 (BX)(SI*8), Z0
	VPSUBQ (DX)(SI*8), Z0, Z0
	VPADDQ Q, Z0, Z1
	VPMINUQ Z1, Z0, Z0
	VMOVDQU64 Z0, (AX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

// func scaleIFMA(out, a *uint64, n int, w, quotient uint64, k *constants)
TEXT ·scaleIFMA(SB), NOSPLIT, $0-48
	MOVQ out+0(FP), AX
	MOVQ a+8(FP), BX
	MOVQ n+16(FP), CX
	VPBROADCASTQ w+24(FP), Z8
	VPBROADCASTQ quotient+32(FP), Z9
	MOVQ k+40(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VMOVDQU64 (BX)(SI*8), Z0
	TIMES(Z0, Z8, Z9, Z1)
	BELOW(Z1)
	VMOVDQU64 Z1, (AX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

// func subScaleIFMA(out, a, b *uint64, n int, w, quotient uint64, k *constants)
TEXT ·subScaleIFMA(SB), NOSPLIT, $0-56
	MOVQ out+0(FP), AX
	MOVQ a+8(FP), BX
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	VPBROADCASTQ w+32(FP), Z8
	VPBROADCASTQ quotient+40(FP), Z9
	MOVQ k+48(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VPADDQ (BX)(SI*8), Q, Z0
	VPSUBQ (DX)(SI*8), Z0, Z0
	TIMES(Z0, Z8, Z9, Z1)
	BELOW(Z1)
	VMOVDQU64 Z1, (AX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

// func scaleAddIFMA(out, a *uint64, n int, w, quotient uint64, k *constants)
TEXT ·scaleAddIFMA(SB), NOSPLIT, $0-48
	MOVQ out+0(FP), AX
	MOVQ a+8(FP), BX
	MOVQ n+16(FP), CX
	VPBROADCASTQ w+24(FP), Z8
	VPBROADCASTQ quotient+32(FP), Z9
	MOVQ k+40(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VMOVDQU64 (BX)(SI*8), Z0
	TIMES(Z0, Z8, Z9, Z1)
	VPADDQ (AX)(SI*8), Z1, Z1
	BELOW4(Z1)
	VMOVDQU64 Z1, (AX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

// func tensorIFMA(d0, d1, d2, a0, a1, b0, b1 *uint64, n int, k *constants)
TEXT ·tensorIFMA(SB), NOSPLIT, $0-72
	MOVQ d0+0(FP), AX
	MOVQ d1+8(FP), BX
	MOVQ d2+16(FP), DX
	MOVQ a0+24(FP), R9
	MOVQ a1+32(FP), R10
	MOVQ b0+40(FP), R11
	MOVQ b1+48(FP), R12
	MOVQ n+56(FP), CX
	MOVQ k+64(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VMOVDQU64 (R9)(SI*8), Z0
	VMOVDQU64 (R10)(SI*8), Z1
	VMOVDQU64 (R11)(SI*8), Z2
	VMOVDQU64 (R12)(SI*8), Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7
	VPXORQ Z8, Z8, Z8
	VPXORQ Z9, Z9, Z9
	VPMADD52LUQ Z2, Z0, Z4
	VPMADD52HUQ Z2, Z0, Z5
	VPMADD52LUQ Z3, Z0, Z6
	VPMADD52HUQ Z3, Z0, Z7
	VPMADD52LUQ Z2, Z1, Z6
	VPMADD52HUQ Z2, Z1, Z7
	VPMADD52LUQ Z3, Z1, Z8
	VPMADD52HUQ Z3, Z1, Z9
	REDC(Z4, Z5)
	REDC(Z6, Z7)
	REDC(Z8, Z9)
	TIMES(Z5, RADIX, RADIXQ, Z4)
	TIMES(Z7, RADIX, RADIXQ, Z6)
	TIMES(Z9, RADIX, RADIXQ, Z8)
	BELOW(Z4)
	BELOW(Z6)
	BELOW(Z8)
	VMOVDQU64 Z4, (AX)(SI*8)
	VMOVDQU64 Z6, (BX)(SI*8)
	VMOVDQU64 Z8, (DX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

// func mulIFMA(out, a, b *uint64, n int, k *constants)
TEXT ·mulIFMA(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ a+8(FP), BX
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ k+32(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VMOVDQU64 (BX)(SI*8), Z0
	VMOVDQU64 (DX)(SI*8), Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPMADD52LUQ Z1, Z0, Z2
	VPMADD52HUQ Z1, Z0, Z3
	REDC(Z2, Z3)
	BELOW(Z3)
	VMOVDQU64 Z3, (AX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

#define FINISH(HI) \
	BARRETT(HI); \
	BELOW(HI)

#define TERM(off, X, L0, H0, L1, H1) \
	VMOVDQU64 (off)(R12)(SI*8), Z20; \
	VPMADD52LUQ Z20, X, L0; \
	VPMADD52HUQ Z20, X, H0; \
	VMOVDQU64 (off)(R13)(SI*8), Z21; \
	VPMADD52LUQ Z21, X, L1; \
	VPMADD52HUQ Z21, X, H1

// Adds one term's products for 32 residues: x at DX, k0 and k1 at R12 and R13 from SI on.
#define TERM32 \
	TERM(0, Z16, Z0, Z4, Z8, Z12); \
	TERM(64, Z17, Z1, Z5, Z9, Z13); \
	TERM(128, Z18, Z2, Z6, Z10, Z14); \
	TERM(192, Z19, Z3, Z7, Z11, Z15)

#define CLEAR32 \
	VPXORQ Z0, Z0, Z0; \
	VPXORQ Z1, Z1, Z1; \
	VPXORQ Z2, Z2, Z2; \
	VPXORQ Z3, Z3, Z3; \
	VPXORQ Z4, Z4, Z4; \
	VPXORQ Z5, Z5, Z5; \
	VPXORQ Z6, Z6, Z6; \
	VPXORQ Z7, Z7, Z7; \
	VPXORQ Z8, Z8, Z8; \
	VPXORQ Z9, Z9, Z9; \
	VPXORQ Z10, Z10, Z10; \
	VPXORQ Z11, Z11, Z11; \
	VPXORQ Z12, Z12, Z12; \
	VPXORQ Z13, Z13, Z13; \
	VPXORQ Z14, Z14, Z14; \
	VPXORQ Z15, Z15, Z15

#define REDC32 \
	REDC(Z0, Z4); \
	REDC(Z1, Z5); \
	REDC(Z2, Z6); \
	REDC(Z3, Z7); \
	REDC(Z8, Z12); \
	REDC(Z9, Z13); \
	REDC(Z10, Z14); \
	REDC(Z11, Z15)

#define FOLD32 \
	FOLD(Z0, Z4); \
	FOLD(Z1, Z5); \
	FOLD(Z2, Z6); \
	FOLD(Z3, Z7); \
	FOLD(Z8, Z12); \
	FOLD(Z9, Z13); \
	FOLD(Z10, Z14); \
	FOLD(Z11, Z15)

#define STORE32 \
	FINISH(Z4); \
	FINISH(Z5); \
	FINISH(Z6); \
	FINISH(Z7); \
	FINISH(Z12); \
	FINISH(Z13); \
	FINISH(Z14); \
	FINISH(Z15); \
	VMOVDQU64 Z4, (AX)(SI*8); \
	VMOVDQU64 Z5, 64(AX)(SI*8); \
	VMOVDQU64 Z6, 128(AX)(SI*8); \
	VMOVDQU64 Z7, 192(AX)(SI*8); \
	VMOVDQU64 Z12, (BX)(SI*8); \
	VMOVDQU64 Z13, 64(BX)(SI*8); \
	VMOVDQU64 Z14, 128(BX)(SI*8); \
	VMOVDQU64 Z15, 192(BX)(SI*8)

// func productsIFMA(out0, out1 *uint64, x, k0, k1 *[]uint64, terms, from, to, large int, k *constants)
TEXT ·productsIFMA(SB), NOSPLIT, $0-80
	MOVQ k+72(FP), DI
	CONSTANTS
	MOVQ out0+0(FP), AX
	MOVQ out1+8(FP), BX
	MOVQ x+16(FP), R8
	MOVQ k0+24(FP), R9
	MOVQ k1+32(FP), R10
	MOVQ from+48(FP), SI
group:
	CLEAR32
	MOVQ terms+40(FP), CX
	XORQ R11, R11
term:
	MOVQ (R8)(R11*8), DX
	MOVQ (R9)(R11*8), R12
	MOVQ (R10)(R11*8), R13
	VMOVDQU64 (DX)(SI*8), Z16
	VMOVDQU64 64(DX)(SI*8), Z17
	VMOVDQU64 128(DX)(SI*8), Z18
	VMOVDQU64 192(DX)(SI*8), Z19
	TERM32
	ADDQ $3, R11 // the next slice header
	DECQ CX
	JNZ  term
	REDC32
	MOVQ large+64(FP), CX
	TESTQ CX, CX
	JZ   small
	FOLD32
small:
	STORE32
	ADDQ $32, SI
	CMPQ SI, to+56(FP)
	JLT  group
	VZEROUPPER
	RET

// func interleavedIFMA(out0, out1, x *uint64, k0, k1 *[]uint64, terms, from, to, large int, k *constants)
TEXT ·interleavedIFMA(SB), NOSPLIT, $0-80
	MOVQ k+72(FP), DI
	CONSTANTS
	MOVQ out0+0(FP), AX
	MOVQ out1+8(FP), BX
	MOVQ x+16(FP), DX
	MOVQ k0+24(FP), R9
	MOVQ k1+32(FP), R10
	MOVQ from+48(FP), SI
group:
	CLEAR32
	MOVQ terms+40(FP), CX
	XORQ R11, R11
term:
	MOVQ (R9)(R11*8), R12
	MOVQ (R10)(R11*8), R13
	VMOVDQU64 (DX), Z16
	VMOVDQU64 64(DX), Z17
	VMOVDQU64 128(DX), Z18
	VMOVDQU64 192(DX), Z19
	TERM32
	ADDQ $256, DX
	ADDQ $3, R11 // the next slice header
	DECQ CX
	JNZ  term
	REDC32
	MOVQ large+64(FP), CX
	TESTQ CX, CX
	JZ   small
	FOLD32
small:
	STORE32
	ADDQ $32, SI
	CMPQ SI, to+56(FP)
	JLT  group
	VZEROUPPER
	RET

// func permuteIFMA(out, in *uint64, moves *uint32, count int, orders *uint64)
TEXT ·permuteIFMA(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ moves+16(FP), DX
	MOVQ count+24(FP), CX
	MOVQ orders+32(FP), DI
loop:
	MOVL (DX), R9
	MOVL R9, R10
	ANDL $7, R10
	SHLL $6, R10
	ANDL $-8, R9
	VMOVDQU64 (DI)(R10*1), Z0
	VPERMQ (BX)(R9*8), Z0, Z1
	VMOVDQU64 Z1, (AX)
	ADDQ $64, AX
	ADDQ $4, DX
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func permuteAddIFMA(out, in *uint64, moves *uint32, count int, orders *uint64, k *constants)
TEXT ·permuteAddIFMA(SB), NOSPLIT, $0-48
	MOVQ k+40(FP), DI
	CONSTANTS
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ moves+16(FP), DX
	MOVQ count+24(FP), CX
	MOVQ orders+32(FP), DI
loop:
	MOVL (DX), R9
	MOVL R9, R10
	ANDL $7, R10
	SHLL $6, R10
	ANDL $-8, R9
	VMOVDQU64 (DI)(R10*1), Z0
	VPERMQ (BX)(R9*8), Z0, Z1
	VPADDQ (AX), Z1, Z1
	BELOW(Z1)
	VMOVDQU64 Z1, (AX)
	ADDQ $64, AX
	ADDQ $4, DX
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func foldIFMA(y, x *uint64, n int, half, w, quotient uint64, k *constants)
TEXT ·foldIFMA(SB), NOSPLIT, $0-56
	MOVQ y+0(FP), AX
	MOVQ x+8(FP), BX
	MOVQ n+16(FP), CX
	VPBROADCASTQ half+24(FP), Z10
	VPBROADCASTQ w+32(FP), Z8
	VPBROADCASTQ quotient+40(FP), Z9
	MOVQ k+48(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VPADDQ (BX)(SI*8), Z10, Z0
	TIMES(Z0, Z8, Z9, Z1)
	BELOW(Z1)
	VMOVDQU64 Z1, (AX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

// func sharesIFMA(out *uint64, y *[]uint64, terms int, shares *fixed, n int)
TEXT ·sharesIFMA(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ y+8(FP), BX
	MOVQ shares+24(FP), DI
	XORQ SI, SI
group:
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	MOVQ terms+16(FP), CX
	MOVQ BX, DX
	MOVQ DI, R8
term:
	MOVQ (DX), R9
	VPBROADCASTQ (R8), Z2
	VPBROADCASTQ 8(R8), Z3
	VMOVDQU64 (R9)(SI*8), Z4
	VMOVDQU64 64(R9)(SI*8), Z5
	VPSLLVQ Z2, Z4, Z4
	VPSLLVQ Z2, Z5, Z5
	VPMADD52HUQ Z3, Z4, Z0
	VPMADD52HUQ Z3, Z5, Z1
	ADDQ $24, DX
	ADDQ $16, R8
	DECQ CX
	JNZ  term
	VPSRLQ $51, Z0, Z0
	VPSRLQ $51, Z1, Z1
	VMOVDQU64 Z0, (AX)(SI*8)
	VMOVDQU64 Z1, 64(AX)(SI*8)
	ADDQ $16, SI
	CMPQ SI, n+32(FP)
	JLT  group
	VZEROUPPER
	RET

// func recentreIFMA(out, y *uint64, minus uint64, n int, k *constants)
TEXT ·recentreIFMA(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ y+8(FP), BX
	VPBROADCASTQ minus+16(FP), Z8
	MOVQ n+24(FP), CX
	MOVQ k+32(FP), DI
	CONSTANTS
	XORQ SI, SI
loop:
	VMOVDQU64 (BX)(SI*8), Z0
	BARRETT(Z0)
	VPADDQ Z8, Z0, Z0
	BELOW4(Z0)
	VMOVDQU64 Z0, (AX)(SI*8)
	ADDQ $8, SI
	CMPQ SI, CX
	JLT  loop
	VZEROUPPER
	RET

#define SUMMAND(off, L, H) \
	VMOVDQU64 (off)(R12)(SI*8), Z20; \
	VPMADD52LUQ Z16, Z20, L; \
	VPMADD52HUQ Z16, Z20, H

// func extendIFMA(out *uint64, y *[]uint64, terms int, factors *uint64, n int, k *constants)
TEXT ·extendIFMA(SB), NOSPLIT, $0-48
	MOVQ k+40(FP), DI
	CONSTANTS
	MOVQ out+0(FP), AX
	MOVQ y+8(FP), BX
	MOVQ terms+16(FP), DX
	MOVQ factors+24(FP), R8
	VPBROADCASTQ (R8)(DX*8), Z17
	XORQ SI, SI
group:
	VMOVDQA64 Z17, Z0
	VMOVDQA64 Z17, Z1
	VMOVDQA64 Z17, Z2
	VMOVDQA64 Z17, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7
	MOVQ BX, R10
	XORQ CX, CX
term:
	MOVQ (R10), R12
	VPBROADCASTQ (R8)(CX*8), Z16
	SUMMAND(0, Z0, Z4)
	SUMMAND(64, Z1, Z5)
	SUMMAND(128, Z2, Z6)
	SUMMAND(192, Z3, Z7)
	ADDQ $24, R10
	INCQ CX
	CMPQ CX, DX
	JLT  term
	REDC(Z0, Z4)
	REDC(Z1, Z5)
	REDC(Z2, Z6)
	REDC(Z3, Z7)
	FINISH(Z4)
	FINISH(Z5)
	FINISH(Z6)
	FINISH(Z7)
	VMOVDQU64 Z4, (AX)(SI*8)
	VMOVDQU64 Z5, 64(AX)(SI*8)
	VMOVDQU64 Z6, 128(AX)(SI*8)
	VMOVDQU64 Z7, 192(AX)(SI*8)
	ADDQ $32, SI
	CMPQ SI, n+32(FP)
	JLT  group
	VZEROUPPER
	RET
