//go:build amd64 && !purego

#include "textflag.h"
#include "float_amd64.h"

// The transform in float64, four residues a register, on AVX2 and FMA: see
// floats for why it is exact. Y0..Y3 hold residues, Y4..Y7 twiddles.

#define FORWARD(X, Y, W) \
	MULMOD(W, Y); \
	VADDPD Y, X, H; \
	VSUBPD Y, X, Y; \
	VMOVAPD H, X

#define INVERSE(X, Y, W) \
	VADDPD Y, X, H; \
	VSUBPD Y, X, Y; \
	VMOVAPD H, X; \
	MULMOD(W, Y)

// Two layers: W for the pairs farther apart, V and U for the nearer ones.
#define FORWARD4(W, V, U) \
	REDUCE(Y0); \
	REDUCE(Y1); \
	FORWARD(Y0, Y2, W); \
	FORWARD(Y1, Y3, W); \
	FORWARD(Y0, Y1, V); \
	FORWARD(Y2, Y3, U)

#define INVERSE4(W, V, U) \
	INVERSE(Y0, Y1, V); \
	INVERSE(Y2, Y3, U); \
	INVERSE(Y0, Y2, W); \
	INVERSE(Y1, Y3, W); \
	REDUCE(Y0); \
	REDUCE(Y1)

#define TRANSPOSE \
	VUNPCKLPD Y1, Y0, Y4; \
	VUNPCKHPD Y1, Y0, Y5; \
	VUNPCKLPD Y3, Y2, Y6; \
	VUNPCKHPD Y3, Y2, Y7; \
	VPERM2F128 $0x20, Y6, Y4, Y0; \
	VPERM2F128 $0x20, Y7, Y5, Y1; \
	VPERM2F128 $0x31, Y6, Y4, Y2; \
	VPERM2F128 $0x31, Y7, Y5, Y3

#define TWIDDLES3(P) \
	VBROADCASTSD 0(P), Y4; \
	VBROADCASTSD 8(P), Y5; \
	VBROADCASTSD 16(P), Y6

#define LANES \
	VMOVUPD 32(SI), Y4; \
	VMOVUPD 64(SI), Y5; \
	VMOVUPD 96(SI), Y6

#define LOAD4(P) \
	VMOVUPD (P), Y0; \
	VMOVUPD (P)(DX*1), Y1; \
	VMOVUPD (P)(DX*2), Y2; \
	VMOVUPD (P)(R9*1), Y3

#define FLOAT4(P) \
	FLOAT((P), Y0); \
	FLOAT((P)(DX*1), Y1); \
	FLOAT((P)(DX*2), Y2); \
	FLOAT((P)(R9*1), Y3)

#define STORE4(P) \
	VMOVUPD Y0, (P); \
	VMOVUPD Y1, (P)(DX*1); \
	VMOVUPD Y2, (P)(DX*2); \
	VMOVUPD Y3, (P)(R9*1)

#define INTEGER4 \
	INTEGER(Y0); \
	INTEGER(Y1); \
	INTEGER(Y2); \
	INTEGER(Y3)

// func firstFloat(out, in *uint64, stride int, twiddles *float64, k *floatConstants)
TEXT ·firstFloat(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ stride+16(FP), DX
	MOVQ twiddles+24(FP), SI
	MOVQ k+32(FP), DI
	CONSTANTS
	LEAQ (DX)(DX*2), R9
	TWIDDLES3(SI)
	MOVQ DX, R12
inner:
	FLOAT4(BX)
	FORWARD4(Y4, Y5, Y6)
	STORE4(AX)
	ADDQ $32, AX
	ADDQ $32, BX
	SUBQ $32, R12
	JNZ  inner
	VZEROUPPER
	RET

// func first2Float(out, in *uint64, stride int, twiddles *float64, k *floatConstants)
TEXT ·first2Float(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ stride+16(FP), DX
	MOVQ twiddles+24(FP), SI
	MOVQ k+32(FP), DI
	CONSTANTS
	VBROADCASTSD (SI), Y4
	MOVQ DX, R12
inner:
	FLOAT((BX), Y0)
	FLOAT((BX)(DX*1), Y1)
	FORWARD(Y0, Y1, Y4)
	VMOVUPD Y0, (AX)
	VMOVUPD Y1, (AX)(DX*1)
	ADDQ $32, AX
	ADDQ $32, BX
	SUBQ $32, R12
	JNZ  inner
	VZEROUPPER
	RET

// func downFloat(v *uint64, groups, stride int, twiddles *float64, k *floatConstants)
TEXT ·downFloat(SB), NOSPLIT, $0-40
	MOVQ v+0(FP), AX
	MOVQ groups+8(FP), CX
	MOVQ stride+16(FP), DX
	MOVQ twiddles+24(FP), SI
	MOVQ k+32(FP), DI
	CONSTANTS
	LEAQ (DX)(DX*2), R9
group:
	TWIDDLES3(SI)
	MOVQ DX, R12
inner:
	LOAD4(AX)
	FORWARD4(Y4, Y5, Y6)
	STORE4(AX)
	ADDQ $32, AX
	SUBQ $32, R12
	JNZ  inner
	ADDQ R9, AX
	ADDQ $24, SI
	DECQ CX
	JNZ  group
	VZEROUPPER
	RET

// func tailFloat(v *uint64, blocks int, twiddles *float64, k *floatConstants)
TEXT ·tailFloat(SB), NOSPLIT, $0-32
	MOVQ v+0(FP), AX
	MOVQ blocks+8(FP), CX
	MOVQ twiddles+16(FP), SI
	MOVQ k+24(FP), DI
	CONSTANTS
	MOVQ $32, DX
	MOVQ $96, R9
inner:
	LOAD4(AX)
	TWIDDLES3(SI)
	FORWARD4(Y4, Y5, Y6)
	TRANSPOSE
	LANES
	FORWARD4(Y4, Y5, Y6)
	INTEGER4
	TRANSPOSE
	STORE4(AX)
	ADDQ $128, AX
	ADDQ $128, SI
	DECQ CX
	JNZ  inner
	VZEROUPPER
	RET

// func headFloat(out, in *uint64, blocks int, twiddles *float64, k *floatConstants)
TEXT ·headFloat(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ blocks+16(FP), CX
	MOVQ twiddles+24(FP), SI
	MOVQ k+32(FP), DI
	CONSTANTS
	MOVQ $32, DX
	MOVQ $96, R9
inner:
	FLOAT4(BX)
	TRANSPOSE
	LANES
	INVERSE4(Y4, Y5, Y6)
	TRANSPOSE
	TWIDDLES3(SI)
	INVERSE4(Y4, Y5, Y6)
	STORE4(AX)
	ADDQ $128, AX
	ADDQ $128, BX
	ADDQ $128, SI
	DECQ CX
	JNZ  inner
	VZEROUPPER
	RET

// func upFloat(v *uint64, groups, stride int, twiddles *float64, k *floatConstants)
TEXT ·upFloat(SB), NOSPLIT, $0-40
	MOVQ v+0(FP), AX
	MOVQ groups+8(FP), CX
	MOVQ stride+16(FP), DX
	MOVQ twiddles+24(FP), SI
	MOVQ k+32(FP), DI
	CONSTANTS
	LEAQ (DX)(DX*2), R9
group:
	TWIDDLES3(SI)
	MOVQ DX, R12
inner:
	LOAD4(AX)
	INVERSE4(Y4, Y5, Y6)
	STORE4(AX)
	ADDQ $32, AX
	SUBQ $32, R12
	JNZ  inner
	ADDQ R9, AX
	ADDQ $24, SI
	DECQ CX
	JNZ  group
	VZEROUPPER
	RET

// func lastFloat(v *uint64, stride int, twiddles *float64, k *floatConstants)
TEXT ·lastFloat(SB), NOSPLIT, $0-32
	MOVQ v+0(FP), AX
	MOVQ stride+8(FP), DX
	MOVQ twiddles+16(FP), SI
	MOVQ k+24(FP), DI
	CONSTANTS
	LEAQ (DX)(DX*2), R9
	TWIDDLES3(SI)
	VBROADCASTSD 24(SI), Y7
	MOVQ DX, R12
inner:
	LOAD4(AX)
	INVERSE(Y0, Y1, Y5)
	INVERSE(Y2, Y3, Y6)
	INVERSE(Y0, Y2, Y4)
	INVERSE(Y1, Y3, Y4)
	MULMOD(Y7, Y0)
	MULMOD(Y7, Y1)
	INTEGER4
	STORE4(AX)
	ADDQ $32, AX
	SUBQ $32, R12
	JNZ  inner
	VZEROUPPER
	RET

// func last2Float(v *uint64, stride int, twiddles *float64, k *floatConstants)
TEXT ·last2Float(SB), NOSPLIT, $0-32
	MOVQ v+0(FP), AX
	MOVQ stride+8(FP), DX
	MOVQ twiddles+16(FP), SI
	MOVQ k+24(FP), DI
	CONSTANTS
	VBROADCASTSD (SI), Y4
	VBROADCASTSD 8(SI), Y7
	MOVQ DX, R12
inner:
	VMOVUPD (AX), Y0
	VMOVUPD (AX)(DX*1), Y1
	INVERSE(Y0, Y1, Y4)
	MULMOD(Y7, Y0)
	INTEGER(Y0)
	INTEGER(Y1)
	VMOVUPD Y0, (AX)
	VMOVUPD Y1, (AX)(DX*1)
	ADDQ $32, AX
	SUBQ $32, R12
	JNZ  inner
	VZEROUPPER
	RET
