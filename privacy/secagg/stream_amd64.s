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

// func expandAES(round, key *byte)
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

// A block is a counter of 128 bits, the first byte the highest: turned from the
// lanes' own order.
DATA turned<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA turned<>+8(SB)/8, $0x0001020304050607
GLOBL turned<>(SB), RODATA|NOPTR, $16

DATA lanes<>+0(SB)/8, $0
DATA lanes<>+8(SB)/8, $0
DATA lanes<>+16(SB)/8, $1
DATA lanes<>+24(SB)/8, $0
DATA lanes<>+32(SB)/8, $2
DATA lanes<>+40(SB)/8, $0
DATA lanes<>+48(SB)/8, $3
DATA lanes<>+56(SB)/8, $0
GLOBL lanes<>(SB), RODATA|NOPTR, $64

DATA four<>+0(SB)/8, $4
DATA four<>+8(SB)/8, $0
GLOBL four<>(SB), RODATA|NOPTR, $16

// One step of sixteen blocks, in Z0 to Z3.
#define SIXTEEN(step, key) \
	step key, Z0, Z0 \
	step key, Z1, Z1 \
	step key, Z2, Z2 \
	step key, Z3, Z3

#define NEXT(z) \
	VPSHUFB Z27, Z28, z \
	VPADDQ Z30, Z28, Z28

#define PLUS(z, at) \
	VPADDD at(AX), z, z \
	VMOVDQU32 z, at(AX)

#define MINUS(z, at) \
	VMOVDQU32 at(AX), Z4 \
	VPSUBD z, Z4, Z4 \
	VMOVDQU32 Z4, at(AX)

// func addStream(v *uint32, round *byte, counter uint64, groups int, off bool)
TEXT ·addStream(SB), NOSPLIT, $0-33
	MOVQ v+0(FP), AX
	MOVQ round+8(FP), BX
	MOVQ counter+16(FP), CX
	MOVQ groups+24(FP), DX
	MOVBLZX off+32(FP), R9
	VBROADCASTI32X4 (BX), Z16
	VBROADCASTI32X4 16(BX), Z17
	VBROADCASTI32X4 32(BX), Z18
	VBROADCASTI32X4 48(BX), Z19
	VBROADCASTI32X4 64(BX), Z20
	VBROADCASTI32X4 80(BX), Z21
	VBROADCASTI32X4 96(BX), Z22
	VBROADCASTI32X4 112(BX), Z23
	VBROADCASTI32X4 128(BX), Z24
	VBROADCASTI32X4 144(BX), Z25
	VBROADCASTI32X4 160(BX), Z26
	VBROADCASTI32X4 turned<>(SB), Z27
	VBROADCASTI32X4 four<>(SB), Z30
	MOVL $0x55, R8
	KMOVW R8, K1
	VPBROADCASTQ.Z CX, K1, Z28
	VPADDQ lanes<>(SB), Z28, Z28
groups:
	NEXT(Z0)
	NEXT(Z1)
	NEXT(Z2)
	NEXT(Z3)
	SIXTEEN(VPXORQ, Z16)
	SIXTEEN(VAESENC, Z17)
	SIXTEEN(VAESENC, Z18)
	SIXTEEN(VAESENC, Z19)
	SIXTEEN(VAESENC, Z20)
	SIXTEEN(VAESENC, Z21)
	SIXTEEN(VAESENC, Z22)
	SIXTEEN(VAESENC, Z23)
	SIXTEEN(VAESENC, Z24)
	SIXTEEN(VAESENC, Z25)
	SIXTEEN(VAESENCLAST, Z26)
	TESTL R9, R9
	JNZ  minus
	PLUS(Z0, 0)
	PLUS(Z1, 64)
	PLUS(Z2, 128)
	PLUS(Z3, 192)
	JMP  done
minus:
	MINUS(Z0, 0)
	MINUS(Z1, 64)
	MINUS(Z2, 128)
	MINUS(Z3, 192)
done:
	ADDQ $256, AX
	DECQ DX
	JNZ  groups
	VZEROUPPER
	RET

// func addBytes(v *uint32, b *byte, groups int)
TEXT ·addBytes(SB), NOSPLIT, $0-24
	MOVQ v+0(FP), AX
	MOVQ b+8(FP), BX
	MOVQ groups+16(FP), DX
more:
	VMOVDQU32 (AX), Z0
	VMOVDQU32 64(AX), Z1
	VMOVDQU32 128(AX), Z2
	VMOVDQU32 192(AX), Z3
	VPADDD (BX), Z0, Z0
	VPADDD 64(BX), Z1, Z1
	VPADDD 128(BX), Z2, Z2
	VPADDD 192(BX), Z3, Z3
	VMOVDQU32 Z0, (AX)
	VMOVDQU32 Z1, 64(AX)
	VMOVDQU32 Z2, 128(AX)
	VMOVDQU32 Z3, 192(AX)
	ADDQ $256, AX
	ADDQ $256, BX
	DECQ DX
	JNZ  more
	VZEROUPPER
	RET

// func dots(sums *uint64, r, m *byte, groups int)
TEXT ·dots(SB), NOSPLIT, $0-32
	MOVQ sums+0(FP), DI
	MOVQ r+8(FP), AX
	MOVQ m+16(FP), BX
	MOVQ groups+24(FP), DX
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
again:
	VMOVDQU64 (BX), Z4
	VMOVDQU64 (AX), Z5
	VMOVDQU64 8(AX), Z6
	VPCLMULQDQ $0x00, Z5, Z4, Z7
	VPCLMULQDQ $0x11, Z5, Z4, Z8
	VPCLMULQDQ $0x00, Z6, Z4, Z9
	VPCLMULQDQ $0x11, Z6, Z4, Z10
	VPXORQ Z7, Z0, Z0
	VPXORQ Z8, Z1, Z1
	VPXORQ Z9, Z2, Z2
	VPXORQ Z10, Z3, Z3
	ADDQ $64, AX
	ADDQ $64, BX
	DECQ DX
	JNZ  again
	VPXORQ Z1, Z0, Z0
	VPXORQ Z3, Z2, Z2
	VEXTRACTI64X4 $1, Z0, Y1
	VPXOR Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPXOR X1, X0, X0
	VEXTRACTI64X4 $1, Z2, Y3
	VPXOR Y3, Y2, Y2
	VEXTRACTI128 $1, Y2, X3
	VPXOR X3, X2, X2
	VPXOR (DI), X0, X0
	VPXOR 16(DI), X2, X2
	VMOVDQU X0, (DI)
	VMOVDQU X2, 16(DI)
	VZEROUPPER
	RET

DATA size<>+0(SB)/8, $0x7fffffffffffffff
GLOBL size<>(SB), RODATA|NOPTR, $8

DATA half<>+0(SB)/8, $0x4338000000000000
GLOBL half<>(SB), RODATA|NOPTR, $8

// func roundEights(out *uint32, in *float64, groups int, by, most float64) bool
TEXT ·roundEights(SB), NOSPLIT, $0-41
	MOVQ out+0(FP), AX
	MOVQ in+8(FP), BX
	MOVQ groups+16(FP), DX
	VBROADCASTSD by+24(FP), Z1
	VBROADCASTSD most+32(FP), Z2
	VBROADCASTSD size<>(SB), Z3
	VBROADCASTSD half<>(SB), Z4
	KXNORW K1, K1, K1
eight:
	VMOVUPD (BX), Z0
	VPANDQ Z3, Z0, Z5
	VCMPPD $2, Z2, Z5, K1, K1 // |x| <= most, which is false of what is no number
	VMULPD Z1, Z0, Z0
	VADDPD Z4, Z0, Z0
	VPMOVQD Z0, Y0
	VMOVDQU Y0, (AX)
	ADDQ $64, BX
	ADDQ $32, AX
	DECQ DX
	JNZ  eight
	KMOVW K1, CX
	CMPB CL, $0xff
	SETEQ ret+40(FP)
	VZEROUPPER
	RET
