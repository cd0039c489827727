//go:build amd64 && !purego

#include "textflag.h"
#include "float_amd64.h"

// Sums of products by halves of 26 bits: of four residues the low, middle and high
// parts are in Y0..Y2 for the first sum, in Y3..Y5 for the second. Y6 and Y7 are
// the halves of the factor that both share.

#define LOW  Y9 // 26 bits
#define K    Y8
#define PART Y13

#define HALVES(X, HI) \
	VPSRLQ $26, X, HI; \
	VPAND LOW, X, X

// Adds the products of the shared factor and K.
#define TERM(L, M, U) \
	HALVES(K, C); \
	VPMULUDQ K, Y6, PART; \
	VPADDQ PART, L, L; \
	VPMULUDQ K, Y7, PART; \
	VPADDQ PART, M, M; \
	VPMULUDQ C, Y6, PART; \
	VPADDQ PART, M, M; \
	VPMULUDQ C, Y7, PART; \
	VPADDQ PART, U, U

// L = (L + 2^26 M + 2^52 U) / 2^52 modulo q, below q. K and C are overwritten, and
// so are M and U.
#define REDC(L, M, U) \
	VPAND LOW, M, C; \
	VPSLLQ $26, C, C; \
	VPADDQ C, L, L; \
	VPSRLQ $26, M, M; \
	VPADDQ M, U, U; \
	VPSRLQ $52, L, C; \
	VPADDQ C, U, U; \
	VPSLLQ $12, L, L; \
	VPSRLQ $12, L, L; \
	VPSRLQ $52, U, M; \
	VPSLLQ $12, U, U; \
	VPSRLQ $12, U, U; \
	FLOAT(L, L); \
	FLOAT(M, M); \
	FLOAT(U, U); \
	VBROADCASTSD 24(DI), K; \
	MULMOD(K, L); \
	VBROADCASTSD 16(DI), K; \
	MULMOD(K, M); \
	REDUCE(U); \
	VADDPD M, L, L; \
	VADDPD U, L, L; \
	INTEGER(L)

#define CLEAR(L, M, U) \
	VPXOR L, L, L; \
	VPXOR M, M, M; \
	VPXOR U, U, U

#define SETLOW \
	MOVQ $0x3ffffff, R8; \
	VMOVQ R8, X9; \
	VPBROADCASTQ X9, LOW

// Four packed residues of W/2 bytes from P on to words; S points at the bytes' order.
#define SPREAD(P, W, S, X, LOWX) \
	VMOVDQU (P), LOWX; \
	VINSERTI128 $1, (P)(W*1), X, X; \
	VPSHUFB (S), X, X

// func weightedFloat(out0, out1 *uint64, w *byte, s *floatSpread, k0, k1 *[]uint64, terms, from, to int, k *floatConstants)
TEXT ·weightedFloat(SB), NOSPLIT, $0-80
	MOVQ k+72(FP), DI
	CONSTANTS
	SETLOW
	MOVQ w+16(FP), R8
	MOVQ s+24(FP), R9
	MOVQ k0+32(FP), AX
	MOVQ k1+40(FP), BX
	MOVQ from+56(FP), SI
	MOVQ 32(R9), R10 // bytes of two residues
group: // of 32, whose weights begin at R8
	XORQ R13, R13
four:
	MOVQ R8, DX
	CLEAR(Y0, Y1, Y2)
	CLEAR(Y3, Y4, Y5)
	MOVQ terms+48(FP), CX
	XORQ R11, R11
term:
	SPREAD(DX, R10, R9, Y6, X6)
	HALVES(Y6, Y7)
	MOVQ (AX)(R11*8), R12
	VMOVDQU (R12)(SI*8), K
	TERM(Y0, Y1, Y2)
	MOVQ (BX)(R11*8), R12
	VMOVDQU (R12)(SI*8), K
	TERM(Y3, Y4, Y5)
	MOVQ R10, R12
	SHLQ $4, R12
	ADDQ R12, DX // 32 residues on
	ADDQ $3, R11 // the next slice header
	DECQ CX
	JNZ  term
	REDC(Y0, Y1, Y2)
	REDC(Y3, Y4, Y5)
	MOVQ out0+0(FP), R12
	VMOVDQU Y0, (R12)(SI*8)
	MOVQ out1+8(FP), R12
	VMOVDQU Y3, (R12)(SI*8)
	LEAQ (R8)(R10*2), R8
	ADDQ $4, SI
	INCQ R13
	CMPQ R13, $8
	JLT  four
	MOVQ DX, R8 // the last four's, one group on
	MOVQ R10, R12
	IMULQ $14, R12
	SUBQ R12, R8
	CMPQ SI, to+64(FP)
	JLT  group
	VZEROUPPER
	RET

// func keyedFloat(out0, out1 *uint64, x *[]uint64, w *byte, s *floatSpread, terms, step, n int, k *floatConstants)
TEXT ·keyedFloat(SB), NOSPLIT, $0-72
	MOVQ k+64(FP), DI
	CONSTANTS
	SETLOW
	MOVQ out0+0(FP), AX
	MOVQ out1+8(FP), BX
	MOVQ w+24(FP), R8
	MOVQ s+32(FP), R9
	MOVQ 32(R9), R10
	XORQ SI, SI
group:
	XORQ R13, R13
four:
	MOVQ R8, DX
	CLEAR(Y0, Y1, Y2)
	CLEAR(Y3, Y4, Y5)
	MOVQ terms+40(FP), CX
	MOVQ x+16(FP), R11
term:
	MOVQ (R11), R12
	VMOVDQU (R12)(SI*8), Y6
	HALVES(Y6, Y7)
	MOVQ R10, R12
	SHLQ $4, R12
	SPREAD(DX, R10, R9, K, X8)
	TERM(Y0, Y1, Y2)
	ADDQ R12, DX
	SPREAD(DX, R10, R9, K, X8)
	TERM(Y3, Y4, Y5)
	ADDQ R12, DX
	ADDQ $24, R11
	DECQ CX
	JNZ  term
	REDC(Y0, Y1, Y2)
	REDC(Y3, Y4, Y5)
	VMOVDQU Y0, (AX)(SI*8)
	VMOVDQU Y3, (BX)(SI*8)
	LEAQ (R8)(R10*2), R8
	ADDQ $4, SI
	INCQ R13
	CMPQ R13, $8
	JLT  four
	MOVQ R10, R12
	SHLQ $4, R12
	SUBQ R12, R8
	ADDQ step+48(FP), R8
	CMPQ SI, n+56(FP)
	JLT  group
	VZEROUPPER
	RET

// func extendFloat(out *uint64, y *[]uint64, terms int, factors *uint64, n int, k *floatConstants)
TEXT ·extendFloat(SB), NOSPLIT, $0-48
	MOVQ k+40(FP), DI
	CONSTANTS
	SETLOW
	MOVQ out+0(FP), AX
	MOVQ y+8(FP), BX
	MOVQ terms+16(FP), DX
	MOVQ factors+24(FP), R9
	XORQ SI, SI
four:
	CLEAR(Y0, Y1, Y2)
	VPBROADCASTQ (R9)(DX*8), Y0
	MOVQ BX, R10
	XORQ CX, CX
term:
	MOVQ (R10), R12
	VMOVDQU (R12)(SI*8), Y6
	HALVES(Y6, Y7)
	VPBROADCASTQ (R9)(CX*8), K
	TERM(Y0, Y1, Y2)
	ADDQ $24, R10
	INCQ CX
	CMPQ CX, DX
	JLT  term
	REDC(Y0, Y1, Y2)
	VMOVDQU Y0, (AX)(SI*8)
	ADDQ $4, SI
	CMPQ SI, n+32(FP)
	JLT  four
	VZEROUPPER
	RET
