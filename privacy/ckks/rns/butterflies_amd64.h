// The passes of the transform, once for each kind of butterfly: ntt_amd64.s and
// nttlazy_amd64.s include this and define the functions' names and, the second,
// LAZY.
//
// Z0..Z7 hold residues, Z8.. twiddles and their quotients in turn.

#define H    Z24
#define T    Z25
#define NEGQ Z31
#define MASK Z29
#define Q    Z28

#ifdef LAZY

// Values matter modulo 2^52 only, and never exceed it: no reduction, no mask.
#define Q2   Z30
#define OFF1 Z30
#define OFF2 Z27
#define OFF3 Z26
#define HALVE(X)
#define MASKED(X)

// Any value below 2^52 to below q; Z27 is mu.
#define REDUCE(X) \
	VPANDQ MASK, X, X; \
	VPXORQ H, H, H; \
	VPMADD52HUQ Z27, X, H; \
	VPMADD52LUQ NEGQ, H, X; \
	VPANDQ MASK, X, X; \
	VPSUBQ Q, X, T; \
	VPMINUQ T, X, X

#define OFFSETS(bound) \
	VPBROADCASTQ bound, OFF1; \
	VPADDQ OFF1, OFF1, OFF2; \
	VPADDQ OFF2, OFF2, OFF3

#else

// Forward values stay below 4q, inverse ones below 2q.
#define Q2   Z30
#define OFF1 Z30
#define OFF2 Z30
#define OFF3 Z30
#define HALVE(X) \
	VPSUBQ Q2, X, H; \
	VPMINUQ H, X, X
#define MASKED(X) VPANDQ MASK, X, X

#define REDUCE(X) \
	HALVE(X); \
	VPSUBQ Q, X, T; \
	VPMINUQ T, X, X

#define OFFSETS(bound) \
	VPBROADCASTQ 8(DI), Q2

#endif

#define FORWARD(X, Y, W, WQ) \
	HALVE(X); \
	VPXORQ H, H, H; \
	VPMADD52HUQ WQ, Y, H; \
	VPADDQ Q2, X, T; \
	VPADDQ X, T, T; \
	VPMADD52LUQ W, Y, X; \
	VPMADD52LUQ NEGQ, H, X; \
	VPSUBQ X, T, Y; \
	MASKED(X); \
	MASKED(Y)

#define INVERSE(X, Y, W, WQ, OFF) \
	VPADDQ OFF, X, T; \
	VPSUBQ Y, T, T; \
	VPADDQ Y, X, X; \
	HALVE(X); \
	VPXORQ H, H, H; \
	VPMADD52HUQ WQ, T, H; \
	VPXORQ Y, Y, Y; \
	VPMADD52LUQ W, T, Y; \
	VPMADD52LUQ NEGQ, H, Y; \
	MASKED(Y)

// The inverse's last layer: W and N hold 1/N, and results are below q.
#define LAST(X, Y, W, WQ, N, NQ, OFF) \
	VPADDQ OFF, X, T; \
	VPSUBQ Y, T, T; \
	VPADDQ Y, X, Y; \
	VPXORQ H, H, H; \
	VPMADD52HUQ NQ, Y, H; \
	VPXORQ X, X, X; \
	VPMADD52LUQ N, Y, X; \
	VPMADD52LUQ NEGQ, H, X; \
	VPXORQ H, H, H; \
	VPMADD52HUQ WQ, T, H; \
	VPXORQ Y, Y, Y; \
	VPMADD52LUQ W, T, Y; \
	VPMADD52LUQ NEGQ, H, Y; \
	VPANDQ MASK, X, X; \
	VPANDQ MASK, Y, Y; \
	VPSUBQ Q, X, T; \
	VPMINUQ T, X, X; \
	VPSUBQ Q, Y, T; \
	VPMINUQ T, Y, Y

#define CONSTANTS \
	VPBROADCASTQ 16(DI), NEGQ; \
	VPBROADCASTQ 8(DI), Q2; \
	VPBROADCASTQ 0(DI), Q; \
	MOVQ $0xfffffffffffff, R8; \
	VPBROADCASTQ R8, MASK

#define STRIDES \
	LEAQ (DX)(DX*2), R9; \
	LEAQ (DX)(DX*4), R10; \
	LEAQ (R9)(DX*4), R11

#define LOAD8(P) \
	VMOVDQU64 (P), Z0; \
	VMOVDQU64 (P)(DX*1), Z1; \
	VMOVDQU64 (P)(DX*2), Z2; \
	VMOVDQU64 (P)(R9*1), Z3; \
	VMOVDQU64 (P)(DX*4), Z4; \
	VMOVDQU64 (P)(R10*1), Z5; \
	VMOVDQU64 (P)(R9*2), Z6; \
	VMOVDQU64 (P)(R11*1), Z7

#define STORE8(P) \
	VMOVDQU64 Z0, (P); \
	VMOVDQU64 Z1, (P)(DX*1); \
	VMOVDQU64 Z2, (P)(DX*2); \
	VMOVDQU64 Z3, (P)(R9*1); \
	VMOVDQU64 Z4, (P)(DX*4); \
	VMOVDQU64 Z5, (P)(R10*1); \
	VMOVDQU64 Z6, (P)(R9*2); \
	VMOVDQU64 Z7, (P)(R11*1)

#define LOAD4(P) \
	VMOVDQU64 (P), Z0; \
	VMOVDQU64 (P)(DX*1), Z1; \
	VMOVDQU64 (P)(DX*2), Z2; \
	VMOVDQU64 (P)(R9*1), Z3

#define STORE4(P) \
	VMOVDQU64 Z0, (P); \
	VMOVDQU64 Z1, (P)(DX*1); \
	VMOVDQU64 Z2, (P)(DX*2); \
	VMOVDQU64 Z3, (P)(R9*1)

#define TWIDDLES3(P) \
	VPBROADCASTQ 0(P), Z8; \
	VPBROADCASTQ 8(P), Z9; \
	VPBROADCASTQ 16(P), Z10; \
	VPBROADCASTQ 24(P), Z11; \
	VPBROADCASTQ 32(P), Z12; \
	VPBROADCASTQ 40(P), Z13

#define TWIDDLES7(P) \
	TWIDDLES3(P); \
	VPBROADCASTQ 48(P), Z14; \
	VPBROADCASTQ 56(P), Z15; \
	VPBROADCASTQ 64(P), Z16; \
	VPBROADCASTQ 72(P), Z17; \
	VPBROADCASTQ 80(P), Z18; \
	VPBROADCASTQ 88(P), Z19; \
	VPBROADCASTQ 96(P), Z20; \
	VPBROADCASTQ 104(P), Z21

// Three layers on eight registers, one twiddle a register.
#define FORWARD8 \
	FORWARD(Z0, Z4, Z8, Z9); \
	FORWARD(Z1, Z5, Z8, Z9); \
	FORWARD(Z2, Z6, Z8, Z9); \
	FORWARD(Z3, Z7, Z8, Z9); \
	FORWARD(Z0, Z2, Z10, Z11); \
	FORWARD(Z1, Z3, Z10, Z11); \
	FORWARD(Z4, Z6, Z12, Z13); \
	FORWARD(Z5, Z7, Z12, Z13); \
	FORWARD(Z0, Z1, Z14, Z15); \
	FORWARD(Z2, Z3, Z16, Z17); \
	FORWARD(Z4, Z5, Z18, Z19); \
	FORWARD(Z6, Z7, Z20, Z21)

#define INVERSE8 \
	INVERSE(Z0, Z1, Z8, Z9, OFF1); \
	INVERSE(Z2, Z3, Z10, Z11, OFF1); \
	INVERSE(Z4, Z5, Z12, Z13, OFF1); \
	INVERSE(Z6, Z7, Z14, Z15, OFF1); \
	INVERSE(Z0, Z2, Z16, Z17, OFF2); \
	INVERSE(Z1, Z3, Z16, Z17, OFF2); \
	INVERSE(Z4, Z6, Z18, Z19, OFF2); \
	INVERSE(Z5, Z7, Z18, Z19, OFF2)

#define INVERSE8LAST \
	INVERSE(Z0, Z4, Z20, Z21, OFF3); \
	INVERSE(Z1, Z5, Z20, Z21, OFF3); \
	INVERSE(Z2, Z6, Z20, Z21, OFF3); \
	INVERSE(Z3, Z7, Z20, Z21, OFF3)

#define LANES(off, P) \
	VMOVDQU64 (off+0)(P), Z8; \
	VMOVDQU64 (off+64)(P), Z9

// The 8x8 transpose of Z0..Z7, through Z8..Z15.
#define TRANSPOSE \
	VPUNPCKLQDQ Z1, Z0, Z8; \
	VPUNPCKHQDQ Z1, Z0, Z9; \
	VPUNPCKLQDQ Z3, Z2, Z10; \
	VPUNPCKHQDQ Z3, Z2, Z11; \
	VPUNPCKLQDQ Z5, Z4, Z12; \
	VPUNPCKHQDQ Z5, Z4, Z13; \
	VPUNPCKLQDQ Z7, Z6, Z14; \
	VPUNPCKHQDQ Z7, Z6, Z15; \
	VSHUFI64X2 $0x88, Z10, Z8, Z0; \
	VSHUFI64X2 $0xdd, Z10, Z8, Z1; \
	VSHUFI64X2 $0x88, Z11, Z9, Z2; \
	VSHUFI64X2 $0xdd, Z11, Z9, Z3; \
	VSHUFI64X2 $0x88, Z14, Z12, Z8; \
	VSHUFI64X2 $0xdd, Z14, Z12, Z9; \
	VSHUFI64X2 $0x88, Z15, Z13, Z10; \
	VSHUFI64X2 $0xdd, Z15, Z13, Z11; \
	VSHUFI64X2 $0xdd, Z8, Z0, Z4; \
	VSHUFI64X2 $0x88, Z8, Z0, Z0; \
	VSHUFI64X2 $0xdd, Z9, Z1, Z6; \
	VSHUFI64X2 $0x88, Z9, Z1, Z12; \
	VSHUFI64X2 $0xdd, Z10, Z2, Z5; \
	VSHUFI64X2 $0x88, Z10, Z2, Z1; \
	VSHUFI64X2 $0xdd, Z11, Z3, Z7; \
	VSHUFI64X2 $0x88, Z11, Z3, Z3; \
	VMOVDQA64 Z12, Z2

// func down8(out, in *uint64, groups, stride int, twiddles *uint64, k *constants)
TEXT DOWN8, NOSPLIT, $0-48
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ groups+16(FP), CX
	MOVQ stride+24(FP), DX
	MOVQ twiddles+32(FP), SI
	MOVQ k+40(FP), DI
	CONSTANTS
	STRIDES
group:
	TWIDDLES7(SI)
	MOVQ DX, R12
inner:
	LOAD8(BX)
	FORWARD8
	STORE8(AX)
	ADDQ $64, AX
	ADDQ $64, BX
	SUBQ $64, R12
	JNZ  inner
	ADDQ R11, AX
	ADDQ R11, BX
	ADDQ $112, SI
	DECQ CX
	JNZ  group
	VZEROUPPER
	RET

// func down4(out, in *uint64, groups, stride int, twiddles *uint64, k *constants)
TEXT DOWN4, NOSPLIT, $0-48
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ groups+16(FP), CX
	MOVQ stride+24(FP), DX
	MOVQ twiddles+32(FP), SI
	MOVQ k+40(FP), DI
	CONSTANTS
	STRIDES
group:
	TWIDDLES3(SI)
	MOVQ DX, R12
inner:
	LOAD4(BX)
	FORWARD(Z0, Z2, Z8, Z9)
	FORWARD(Z1, Z3, Z8, Z9)
	FORWARD(Z0, Z1, Z10, Z11)
	FORWARD(Z2, Z3, Z12, Z13)
	STORE4(AX)
	ADDQ $64, AX
	ADDQ $64, BX
	SUBQ $64, R12
	JNZ  inner
	ADDQ R9, AX
	ADDQ R9, BX
	ADDQ $48, SI
	DECQ CX
	JNZ  group
	VZEROUPPER
	RET

// func tail(v *uint64, blocks int, twiddles *uint64, k *constants)
TEXT TAIL, NOSPLIT, $0-32
	MOVQ v+0(FP), AX
	MOVQ blocks+8(FP), CX
	MOVQ twiddles+16(FP), SI
	MOVQ k+24(FP), DI
	CONSTANTS
#ifdef LAZY
	VPBROADCASTQ 24(DI), Z27
#endif
	MOVQ $64, DX
	STRIDES
inner:
	LOAD8(AX)
	TWIDDLES7(SI)
	FORWARD8
	TRANSPOSE
	LANES(128, SI)
	FORWARD(Z0, Z4, Z8, Z9)
	FORWARD(Z1, Z5, Z8, Z9)
	FORWARD(Z2, Z6, Z8, Z9)
	FORWARD(Z3, Z7, Z8, Z9)
	LANES(256, SI)
	FORWARD(Z0, Z2, Z8, Z9)
	FORWARD(Z1, Z3, Z8, Z9)
	LANES(384, SI)
	FORWARD(Z4, Z6, Z8, Z9)
	FORWARD(Z5, Z7, Z8, Z9)
	LANES(512, SI)
	FORWARD(Z0, Z1, Z8, Z9)
	LANES(640, SI)
	FORWARD(Z2, Z3, Z8, Z9)
	LANES(768, SI)
	FORWARD(Z4, Z5, Z8, Z9)
	LANES(896, SI)
	FORWARD(Z6, Z7, Z8, Z9)
	REDUCE(Z0)
	REDUCE(Z1)
	REDUCE(Z2)
	REDUCE(Z3)
	REDUCE(Z4)
	REDUCE(Z5)
	REDUCE(Z6)
	REDUCE(Z7)
	TRANSPOSE
	STORE8(AX)
	ADDQ $512, AX
	ADDQ $1024, SI
	DECQ CX
	JNZ  inner
	VZEROUPPER
	RET

// func head(out, in *uint64, blocks int, twiddles *uint64, k *constants)
TEXT HEAD, NOSPLIT, $0-40
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ blocks+16(FP), CX
	MOVQ twiddles+24(FP), SI
	MOVQ k+32(FP), DI
	CONSTANTS
	MOVQ $64, DX
	STRIDES
inner:
	LOAD8(BX)
	TRANSPOSE
	OFFSETS(0(DI))
	LANES(0, SI)
	INVERSE(Z0, Z1, Z8, Z9, OFF1)
	LANES(128, SI)
	INVERSE(Z2, Z3, Z8, Z9, OFF1)
	LANES(256, SI)
	INVERSE(Z4, Z5, Z8, Z9, OFF1)
	LANES(384, SI)
	INVERSE(Z6, Z7, Z8, Z9, OFF1)
	LANES(512, SI)
	INVERSE(Z0, Z2, Z8, Z9, OFF2)
	INVERSE(Z1, Z3, Z8, Z9, OFF2)
	LANES(640, SI)
	INVERSE(Z4, Z6, Z8, Z9, OFF2)
	INVERSE(Z5, Z7, Z8, Z9, OFF2)
	LANES(768, SI)
	INVERSE(Z0, Z4, Z8, Z9, OFF3)
	INVERSE(Z1, Z5, Z8, Z9, OFF3)
	INVERSE(Z2, Z6, Z8, Z9, OFF3)
	INVERSE(Z3, Z7, Z8, Z9, OFF3)
	TRANSPOSE
#ifdef LAZY
	VPADDQ OFF3, OFF3, OFF1
	VPADDQ OFF1, OFF1, OFF2
	VPADDQ OFF2, OFF2, OFF3
#endif
	LEAQ 896(SI), R13
	TWIDDLES7(R13)
	INVERSE8
	INVERSE8LAST
	STORE8(AX)
	ADDQ $512, AX
	ADDQ $512, BX
	ADDQ $1024, SI
	DECQ CX
	JNZ  inner
	VZEROUPPER
	RET

// func up8(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)
TEXT UP8, NOSPLIT, $0-48
	MOVQ v+0(FP), AX
	MOVQ groups+8(FP), CX
	MOVQ stride+16(FP), DX
	MOVQ twiddles+24(FP), SI
	MOVQ k+40(FP), DI
	CONSTANTS
	OFFSETS(bound+32(FP))
	STRIDES
group:
	TWIDDLES7(SI)
	MOVQ DX, R12
inner:
	LOAD8(AX)
	INVERSE8
	INVERSE8LAST
	STORE8(AX)
	ADDQ $64, AX
	SUBQ $64, R12
	JNZ  inner
	ADDQ R11, AX
	ADDQ $112, SI
	DECQ CX
	JNZ  group
	VZEROUPPER
	RET

// func up4(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)
TEXT UP4, NOSPLIT, $0-48
	MOVQ v+0(FP), AX
	MOVQ groups+8(FP), CX
	MOVQ stride+16(FP), DX
	MOVQ twiddles+24(FP), SI
	MOVQ k+40(FP), DI
	CONSTANTS
	OFFSETS(bound+32(FP))
	STRIDES
group:
	TWIDDLES3(SI)
	MOVQ DX, R12
inner:
	LOAD4(AX)
	INVERSE(Z0, Z1, Z8, Z9, OFF1)
	INVERSE(Z2, Z3, Z10, Z11, OFF1)
	INVERSE(Z0, Z2, Z12, Z13, OFF2)
	INVERSE(Z1, Z3, Z12, Z13, OFF2)
	STORE4(AX)
	ADDQ $64, AX
	SUBQ $64, R12
	JNZ  inner
	ADDQ R9, AX
	ADDQ $48, SI
	DECQ CX
	JNZ  group
	VZEROUPPER
	RET

// func last8(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)
TEXT LAST8, NOSPLIT, $0-48
	MOVQ v+0(FP), AX
	MOVQ stride+16(FP), DX
	MOVQ twiddles+24(FP), SI
	MOVQ k+40(FP), DI
	CONSTANTS
	OFFSETS(bound+32(FP))
	STRIDES
	TWIDDLES7(SI)
	VPBROADCASTQ 112(SI), Z22
	VPBROADCASTQ 120(SI), Z23
	MOVQ DX, R12
inner:
	LOAD8(AX)
	INVERSE8
	LAST(Z0, Z4, Z20, Z21, Z22, Z23, OFF3)
	LAST(Z1, Z5, Z20, Z21, Z22, Z23, OFF3)
	LAST(Z2, Z6, Z20, Z21, Z22, Z23, OFF3)
	LAST(Z3, Z7, Z20, Z21, Z22, Z23, OFF3)
	STORE8(AX)
	ADDQ $64, AX
	SUBQ $64, R12
	JNZ  inner
	VZEROUPPER
	RET

// func last4(v *uint64, groups, stride int, twiddles *uint64, bound uint64, k *constants)
TEXT LAST4, NOSPLIT, $0-48
	MOVQ v+0(FP), AX
	MOVQ stride+16(FP), DX
	MOVQ twiddles+24(FP), SI
	MOVQ k+40(FP), DI
	CONSTANTS
	OFFSETS(bound+32(FP))
	STRIDES
	TWIDDLES3(SI)
	VPBROADCASTQ 48(SI), Z22
	VPBROADCASTQ 56(SI), Z23
	MOVQ DX, R12
inner:
	LOAD4(AX)
	INVERSE(Z0, Z1, Z8, Z9, OFF1)
	INVERSE(Z2, Z3, Z10, Z11, OFF1)
	LAST(Z0, Z2, Z12, Z13, Z22, Z23, OFF2)
	LAST(Z1, Z3, Z12, Z13, Z22, Z23, OFF2)
	STORE4(AX)
	ADDQ $64, AX
	SUBQ $64, R12
	JNZ  inner
	VZEROUPPER
	RET
