//go:build amd64 && !purego

#include "textflag.h"

// Carry-less products. In X15 lies the modulus's tail x^4+x^3+x+1.

// REDUCE multiplies the high half by the tail, under 69 bits, and what of that is
// over 64 bits again: it turns the 128-bit product in a into its remainder in a's low half.
#define REDUCE(a, t, u) \
	VPCLMULQDQ $0x01, X15, a, t \
	VPCLMULQDQ $0x01, X15, t, u \
	VPXOR t, a, a \
	VPXOR u, a, a

#define TAIL \
	MOVQ $0x1b, R15 \
	VMOVQ R15, X15

// func clmulASM(a, b uint64) (lo, hi uint64)
TEXT ·clmulASM(SB), NOSPLIT, $0-32
	VMOVQ a+0(FP), X0
	VMOVQ b+8(FP), X1
	VPCLMULQDQ $0x00, X0, X1, X0
	VMOVDQU X0, lo+16(FP)
	RET

// func gfDotASM(u, v *uint64, n int) (lo, hi uint64)
TEXT ·gfDotASM(SB), NOSPLIT, $0-40
	MOVQ u+0(FP), AX
	MOVQ v+8(FP), BX
	MOVQ n+16(FP), CX
	VPXOR X0, X0, X0
	VPXOR X1, X1, X1
pairs:
	CMPQ CX, $2
	JLT  last
	VMOVDQU (AX), X2
	VMOVDQU (BX), X3
	VPCLMULQDQ $0x00, X2, X3, X4
	VPCLMULQDQ $0x11, X2, X3, X5
	VPXOR X4, X0, X0
	VPXOR X5, X1, X1
	ADDQ $16, AX
	ADDQ $16, BX
	SUBQ $2, CX
	JMP  pairs
last:
	TESTQ CX, CX
	JZ   end
	VMOVQ (AX), X2
	VMOVQ (BX), X3
	VPCLMULQDQ $0x00, X2, X3, X4
	VPXOR X4, X0, X0
end:
	VPXOR X1, X0, X0
	VMOVDQU X0, lo+24(FP)
	RET

// func gfDotVectors(u, v *uint64, groups int) (lo, hi uint64)
TEXT ·gfDotVectors(SB), NOSPLIT, $0-40
	MOVQ u+0(FP), AX
	MOVQ v+8(FP), BX
	MOVQ groups+16(FP), CX
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
eight:
	VMOVDQU64 (AX), Z2
	VMOVDQU64 (BX), Z3
	VPCLMULQDQ $0x00, Z2, Z3, Z4
	VPCLMULQDQ $0x11, Z2, Z3, Z5
	VPXORQ Z4, Z0, Z0
	VPXORQ Z5, Z1, Z1
	ADDQ $64, AX
	ADDQ $64, BX
	DECQ CX
	JNZ  eight
	VPXORQ Z1, Z0, Z0
	VEXTRACTI64X4 $1, Z0, Y1
	VPXOR Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPXOR X1, X0, X0
	VMOVDQU X0, lo+24(FP)
	VZEROUPPER
	RET

// func gfPairsVectors(k *uint64, v unsafe.Pointer, groups int) (sums [2][2]uint64)
//
// In Z7 and Z8 are eight keys and the next eight, in Z9 the eight from the third on.
TEXT ·gfPairsVectors(SB), NOSPLIT, $0-56
	MOVQ k+0(FP), AX
	MOVQ v+8(FP), BX
	MOVQ groups+16(FP), CX
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VMOVDQU64 (AX), Z7
eight:
	VMOVDQU64 64(AX), Z8
	VMOVDQU64 (BX), Z2
	VALIGNQ $2, Z7, Z8, Z9
	VPXORQ Z7, Z2, Z3
	VPXORQ Z9, Z2, Z4
	VPCLMULQDQ $0x10, Z3, Z3, Z3
	VPCLMULQDQ $0x10, Z4, Z4, Z4
	VPXORQ Z3, Z0, Z0
	VPXORQ Z4, Z1, Z1
	VMOVDQA64 Z8, Z7
	ADDQ $64, AX
	ADDQ $64, BX
	DECQ CX
	JNZ  eight
	VEXTRACTI64X4 $1, Z0, Y2
	VEXTRACTI64X4 $1, Z1, Y3
	VPXOR Y2, Y0, Y0
	VPXOR Y3, Y1, Y1
	VEXTRACTI128 $1, Y0, X2
	VEXTRACTI128 $1, Y1, X3
	VPXOR X2, X0, X0
	VPXOR X3, X1, X1
	VMOVDQU X0, sums_0_0+24(FP)
	VMOVDQU X1, sums_1_0+40(FP)
	VZEROUPPER
	RET

// func gfMulAddASM(out, v *uint64, n int, c uint64)
TEXT ·gfMulAddASM(SB), NOSPLIT, $0-32
	MOVQ out+0(FP), AX
	MOVQ v+8(FP), BX
	MOVQ n+16(FP), CX
	VMOVQ c+24(FP), X14
	TAIL
pairs:
	CMPQ CX, $2
	JLT  last
	VMOVDQU (BX), X2
	VPCLMULQDQ $0x00, X14, X2, X3
	VPCLMULQDQ $0x10, X2, X14, X4
	REDUCE(X3, X5, X6)
	REDUCE(X4, X7, X8)
	VPUNPCKLQDQ X4, X3, X3
	VPXOR (AX), X3, X3
	VMOVDQU X3, (AX)
	ADDQ $16, AX
	ADDQ $16, BX
	SUBQ $2, CX
	JMP  pairs
last:
	TESTQ CX, CX
	JZ   end
	VMOVQ (BX), X2
	VPCLMULQDQ $0x00, X14, X2, X3
	REDUCE(X3, X5, X6)
	VMOVQ X3, DX
	XORQ DX, (AX)
end:
	RET

// func gfMulEachASM(out, v *uint64, n int)
TEXT ·gfMulEachASM(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), AX
	MOVQ v+8(FP), BX
	MOVQ n+16(FP), CX
	TAIL
pairs:
	CMPQ CX, $2
	JLT  last
	VMOVDQU (AX), X1
	VMOVDQU (BX), X2
	VPCLMULQDQ $0x00, X1, X2, X3
	VPCLMULQDQ $0x11, X1, X2, X4
	REDUCE(X3, X5, X6)
	REDUCE(X4, X7, X8)
	VPUNPCKLQDQ X4, X3, X3
	VMOVDQU X3, (AX)
	ADDQ $16, AX
	ADDQ $16, BX
	SUBQ $2, CX
	JMP  pairs
last:
	TESTQ CX, CX
	JZ   end
	VMOVQ (AX), X1
	VMOVQ (BX), X2
	VPCLMULQDQ $0x00, X1, X2, X3
	REDUCE(X3, X5, X6)
	VMOVQ X3, (AX)
end:
	RET

// func gfCrossASM(w, a, b, c, d *uint64, n int) (lo, hi uint64)
TEXT ·gfCrossASM(SB), NOSPLIT, $0-64
	MOVQ w+0(FP), R8
	MOVQ a+8(FP), R9
	MOVQ b+16(FP), R10
	MOVQ c+24(FP), R11
	MOVQ d+32(FP), R12
	MOVQ n+40(FP), CX
	VPXOR X0, X0, X0
	VPXOR X1, X1, X1
	VPXOR X6, X6, X6
	VPXOR X7, X7, X7
	XORQ SI, SI
quads:
	CMPQ CX, $4
	JLT  pairs
	VMOVDQU (R9)(SI*8), Y2
	VPAND (R10)(SI*8), Y2, Y2
	VMOVDQU (R11)(SI*8), Y3
	VPAND (R12)(SI*8), Y3, Y3
	VPXOR Y2, Y3, Y2
	VMOVDQU (R8)(SI*8), X4
	VMOVDQU 16(R8)(SI*8), X5
	VEXTRACTI128 $1, Y2, X3
	VPCLMULQDQ $0x00, X2, X4, X8
	VPCLMULQDQ $0x11, X2, X4, X9
	VPCLMULQDQ $0x00, X3, X5, X10
	VPCLMULQDQ $0x11, X3, X5, X11
	VPXOR X8, X0, X0
	VPXOR X9, X1, X1
	VPXOR X10, X6, X6
	VPXOR X11, X7, X7
	ADDQ $4, SI
	SUBQ $4, CX
	JMP  quads
pairs:
	TESTQ CX, CX
	JZ   end
	MOVQ (R9)(SI*8), AX
	ANDQ (R10)(SI*8), AX
	MOVQ (R11)(SI*8), BX
	ANDQ (R12)(SI*8), BX
	XORQ BX, AX
	VMOVQ AX, X2
	VMOVQ (R8)(SI*8), X4
	VPCLMULQDQ $0x00, X2, X4, X8
	VPXOR X8, X0, X0
	INCQ SI
	DECQ CX
	JMP  pairs
end:
	VPXOR X1, X0, X0
	VPXOR X7, X6, X6
	VPXOR X6, X0, X0
	VMOVDQU X0, lo+48(FP)
	VZEROUPPER
	RET
