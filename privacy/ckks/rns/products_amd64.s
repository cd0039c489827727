//go:build amd64 && !purego

#include "textflag.h"
#include "arithmetic_amd64.h"

// Sums of products, 32 residues of both at once: low halves in Z0..Z3 and Z8..Z11,
// high ones in Z4..Z7 and Z12..Z15.

// Eight weights to words: the spread's bytes in Z22, its mask in K1.
#define SPREAD(P, X) VPERMB.Z P, Z22, K1, X

// Adds the products of one term, of eight residues: the weight in X.
#define WEIGHTED(off, X, L0, H0, L1, H1) \
	VMOVDQU64 (off)(R12)(SI*8), Z20; \
	VPMADD52LUQ Z20, X, L0; \
	VPMADD52HUQ Z20, X, H0; \
	VMOVDQU64 (off)(R13)(SI*8), Z21; \
	VPMADD52LUQ Z21, X, L1; \
	VPMADD52HUQ Z21, X, H1

// Brings the weights that are read some dozens of terms later to the second cache: the
// processor does not look beyond a page by itself.
#define AHEAD(off) PREFETCHT1 (8192+off)(DX)

#define KEYED(off, P, R, L0, H0, L1, H1) \
	VMOVDQU64 (off)(R12)(SI*8), Z16; \
	SPREAD(P, Z17); \
	VPMADD52LUQ Z17, Z16, L0; \
	VPMADD52HUQ Z17, Z16, H0; \
	SPREAD(R, Z18); \
	VPMADD52LUQ Z18, Z16, L1; \
	VPMADD52HUQ Z18, Z16, H1

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

// The weights from DX on: the bytes of eight in R8, three times that in DI.
#define SPREADS(s) \
	MOVQ s, R8; \
	KMOVQ 64(R8), K1; \
	MOVQ 72(R8), R8; \
	LEAQ (R8)(R8*2), DI

// Begins 32 residues. The last ones' reduction had Z22.
#define BEGIN(s) \
	CLEAR32; \
	MOVQ s, R12; \
	VMOVDQU64 (R12), Z22; \
	XORQ R11, R11

// func weightedIFMA(out0, out1 *uint64, w *byte, s *spread, k0, k1 *[]uint64, terms, from, to, large int, k *constants)
TEXT ·weightedIFMA(SB), NOSPLIT, $0-88
	MOVQ k+80(FP), DI
	CONSTANTS
	MOVQ out0+0(FP), AX
	MOVQ out1+8(FP), BX
	MOVQ w+16(FP), DX
	SPREADS(s+24(FP))
	MOVQ k0+32(FP), R9
	MOVQ k1+40(FP), R10
	MOVQ from+56(FP), SI
group:
	BEGIN(s+24(FP))
	MOVQ terms+48(FP), CX
term:
	MOVQ (R9)(R11*8), R12
	MOVQ (R10)(R11*8), R13
	AHEAD(0)
	AHEAD(64)
	AHEAD(128)
	SPREAD((DX), Z16)
	SPREAD((DX)(R8*1), Z17)
	SPREAD((DX)(R8*2), Z18)
	SPREAD((DX)(DI*1), Z19)
	WEIGHTED(0, Z16, Z0, Z4, Z8, Z12)
	WEIGHTED(64, Z17, Z1, Z5, Z9, Z13)
	WEIGHTED(128, Z18, Z2, Z6, Z10, Z14)
	WEIGHTED(192, Z19, Z3, Z7, Z11, Z15)
	LEAQ (DX)(R8*4), DX
	ADDQ $3, R11 // the next slice header
	DECQ CX
	JNZ  term
	REDC32
	MOVQ large+72(FP), CX
	TESTQ CX, CX
	JZ   small
	FOLD32
small:
	STORE32
	ADDQ $32, SI
	CMPQ SI, to+64(FP)
	JLT  group
	VZEROUPPER
	RET

// func keyedIFMA(out0, out1 *uint64, x *[]uint64, w *byte, s *spread, terms, unused, n, large int, k *constants)
TEXT ·keyedIFMA(SB), NOSPLIT, $0-80
	MOVQ k+72(FP), DI
	CONSTANTS
	MOVQ out0+0(FP), AX
	MOVQ out1+8(FP), BX
	MOVQ x+16(FP), R9
	MOVQ w+24(FP), DX
	SPREADS(s+32(FP))
	XORQ SI, SI
group:
	BEGIN(s+32(FP))
	MOVQ terms+40(FP), CX
term:
	MOVQ (R9)(R11*8), R12
	LEAQ (DX)(R8*4), R13
	AHEAD(0)
	AHEAD(64)
	AHEAD(128)
	AHEAD(192)
	AHEAD(256)
	KEYED(0, (DX), (R13), Z0, Z4, Z8, Z12)
	KEYED(64, (DX)(R8*1), (R13)(R8*1), Z1, Z5, Z9, Z13)
	KEYED(128, (DX)(R8*2), (R13)(R8*2), Z2, Z6, Z10, Z14)
	KEYED(192, (DX)(DI*1), (R13)(DI*1), Z3, Z7, Z11, Z15)
	LEAQ (R13)(R8*4), DX
	ADDQ $3, R11 // the next slice header
	DECQ CX
	JNZ  term
	ADDQ unused+48(FP), DX
	REDC32
	MOVQ large+64(FP), CX
	TESTQ CX, CX
	JZ   small
	FOLD32
small:
	STORE32
	ADDQ $32, SI
	CMPQ SI, n+56(FP)
	JLT  group
	VZEROUPPER
	RET
