//go:build amd64 && !purego

#include "textflag.h"

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
