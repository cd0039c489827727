//go:build amd64 && !purego

#include "textflag.h"
#include "field_amd64.h"

// An element's bytes.
#define E 320

// func mulEights(three *[3]element)
TEXT ·mulEights(SB), NOSPLIT, $0-8
	MOVQ three+0(FP), DI
	CONSTANTS
	MUL(0, E, 2*E)
	VZEROUPPER
	RET

// func squareEights(e *element, times int)
TEXT ·squareEights(SB), NOSPLIT, $0-16
	MOVQ e+0(FP), DI
	MOVQ times+8(FP), CX
	CONSTANTS
square:
	SQUARE(0, 0)
	DECQ CX
	JNZ  square
	VZEROUPPER
	RET

// func addEights(three *[3]element)
TEXT ·addEights(SB), NOSPLIT, $0-8
	MOVQ three+0(FP), DI
	CONSTANTS
	ADD(0, E, 2*E)
	VZEROUPPER
	RET

// func subEights(three *[3]element)
TEXT ·subEights(SB), NOSPLIT, $0-8
	MOVQ three+0(FP), DI
	CONSTANTS
	SUB(0, E, 2*E)
	VZEROUPPER
	RET

// The places of a ladder.
#define LX1 0
#define LX2 (1*E)
#define LZ2 (2*E)
#define LX3 (3*E)
#define LZ3 (4*E)
#define LA (5*E)
#define LB (6*E)
#define LC (7*E)
#define LD (8*E)
#define LK (9*E) // the scalars

// Changes two limbs where the mask in Z24 is all ones.
#define CHANGE(A, B) \
	VMOVDQU64 (A)(DI), Z0; \
	VMOVDQU64 (B)(DI), Z1; \
	VPXORQ Z0, Z1, Z2; \
	VPANDQ Z24, Z2, Z2; \
	VPXORQ Z2, Z0, Z0; \
	VPXORQ Z2, Z1, Z1; \
	VMOVDQU64 Z0, (A)(DI); \
	VMOVDQU64 Z1, (B)(DI)

#define CHANGEALL(A, B) \
	CHANGE(A, B); \
	CHANGE(A+64, B+64); \
	CHANGE(A+128, B+128); \
	CHANGE(A+192, B+192); \
	CHANGE(A+256, B+256)

// O = A + 121665·B.
#define A24(O, A, B) \
	LOAD(B, Z0, Z1, Z2, Z3, Z4); \
	LOAD(A, Z5, Z6, Z7, Z8, Z9); \
	VPXORQ Z14, Z14, Z14; \
	VPXORQ Z15, Z15, Z15; \
	VPXORQ Z16, Z16, Z16; \
	VPXORQ Z17, Z17, Z17; \
	VPXORQ Z18, Z18, Z18; \
	PRODUCT(Z25, Z0, Z5, Z15); \
	PRODUCT(Z25, Z1, Z6, Z16); \
	PRODUCT(Z25, Z2, Z7, Z17); \
	PRODUCT(Z25, Z3, Z8, Z18); \
	PRODUCT(Z25, Z4, Z9, Z14); \
	VPADDQ Z14, Z14, Z14; \
	VPADDQ Z15, Z15, Z15; \
	VPADDQ Z16, Z16, Z16; \
	VPADDQ Z17, Z17, Z17; \
	VPADDQ Z18, Z18, Z18; \
	VPMADD52LUQ Z30, Z14, Z5; \
	VPADDQ Z15, Z6, Z6; \
	VPADDQ Z16, Z7, Z7; \
	VPADDQ Z17, Z8, Z8; \
	VPADDQ Z18, Z9, Z9; \
	CARRY; \
	STORE(O)

// func ladderEights(l *ladder)
//
// Nothing but the count of steps decides what is done, or where it is read. In Z26
// is 1, in Z27 where the two points have changed places.
TEXT ·ladderEights(SB), NOSPLIT, $0-8
	MOVQ l+0(FP), DI
	CONSTANTS
	MOVQ $121665, AX
	VPBROADCASTQ AX, Z25
	MOVQ $1, AX
	VPBROADCASTQ AX, Z26
	VPXORQ Z27, Z27, Z27
	MOVQ $254, CX
step:
	MOVQ CX, BX
	SHRQ $6, BX
	SHLQ $6, BX
	MOVQ CX, AX
	ANDQ $63, AX
	VMOVQ AX, X1
	VMOVDQU64 (LK)(DI)(BX*1), Z0
	VPSRLQ X1, Z0, Z0
	VPANDQ Z26, Z0, Z0
	VPXORQ Z0, Z27, Z1
	VMOVDQA64 Z0, Z27
	VPXORQ Z2, Z2, Z2
	VPSUBQ Z1, Z2, Z24
	CHANGEALL(LX2, LX3)
	CHANGEALL(LZ2, LZ3)
	ADD(LA, LX2, LZ2)
	SUB(LB, LX2, LZ2)
	ADD(LC, LX3, LZ3)
	SUB(LD, LX3, LZ3)
	MUL(LD, LD, LA)
	MUL(LC, LC, LB)
	SQUARE(LA, LA)
	SQUARE(LB, LB)
	ADD(LX3, LD, LC)
	SUB(LZ3, LD, LC)
	SQUARE(LX3, LX3)
	SQUARE(LZ3, LZ3)
	MUL(LZ3, LZ3, LX1)
	MUL(LX2, LA, LB)
	SUB(LB, LA, LB)
	A24(LA, LA, LB)
	MUL(LZ2, LA, LB)
	DECQ CX
	JGE  step
	VPXORQ Z2, Z2, Z2
	VPSUBQ Z27, Z2, Z24
	CHANGEALL(LX2, LX3)
	CHANGEALL(LZ2, LZ3)
	VZEROUPPER
	RET

// The places of a sum of points: X, Y, Z, T; what is added to it; and others.
#define PX 0
#define PY (1*E)
#define PZ (2*E)
#define PT (3*E)
#define QS (4*E)
#define QD (5*E)
#define QZ (6*E)
#define QT (7*E)
#define PA (8*E)
#define PB (9*E)
#define PC (10*E)
#define PD (11*E)

// Twice a point, but for T, which is PA·PB (dbl-2008-hwcd of Hisil et al., ASIACRYPT
// 2008, with signs turned).
#define DOUBLE \
	ADD(PC, PX, PY); \
	SQUARE(PA, PX); \
	SQUARE(PB, PY); \
	SQUARE(PD, PZ); \
	SQUARE(PC, PC); \
	ADD(PD, PD, PD); \
	SUB(PT, PB, PA); \
	ADD(PB, PB, PA); \
	SUB(PD, PD, PT); \
	SUB(PA, PC, PB); \
	MUL(PX, PA, PD); \
	MUL(PY, PT, PB); \
	MUL(PZ, PT, PD)

// func doubleEights(s *sum, times int)
TEXT ·doubleEights(SB), NOSPLIT, $0-16
	MOVQ s+0(FP), DI
	MOVQ times+8(FP), CX
	CONSTANTS
double:
	DOUBLE
	DECQ CX
	JNZ  double
	MUL(PT, PA, PB)
	VZEROUPPER
	RET

// func sumEights(s *sum)
//
// Hisil et al., section 3.1, with (Y+X, Y-X, 2Z, 2dT) of what is added, of which
// nothing is left.
TEXT ·sumEights(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), DI
	CONSTANTS
	SUB(PA, PY, PX)
	ADD(PB, PY, PX)
	MUL(PA, PA, QD)
	MUL(PB, PB, QS)
	MUL(PC, PT, QT)
	MUL(PD, PZ, QZ)
	SUB(QS, PB, PA) // E
	ADD(QD, PB, PA) // H
	SUB(QZ, PD, PC) // F
	ADD(QT, PD, PC) // G
	MUL(PX, QS, QZ)
	MUL(PY, QT, QD)
	MUL(PZ, QZ, QT)
	MUL(PT, QS, QD)
	VZEROUPPER
	RET

// Reads a limb of each lane from where Z24 says.
#define GATHER(AT, R) \
	KXNORW K1, K1, K1; \
	VPGATHERQQ (AT)(SI)(Z24*1), K1, R

// A limb of Y+X and of Y-X, which change places in the lanes of K2.
#define PAIR(AT, STEP, FAR) \
	GATHER(AT*STEP, Z0); \
	GATHER(AT*STEP+FAR, Z1); \
	VPBLENDMQ Z1, Z0, K2, Z2; \
	VPBLENDMQ Z0, Z1, K2, Z3; \
	VMOVDQU64 Z2, (QS+AT*64)(DI); \
	VMOVDQU64 Z3, (QD+AT*64)(DI)

// A limb of T, from 2p in the lanes of K2.
#define SIGNED(AT, STEP, FAR, TWOP) \
	GATHER(AT*STEP+FAR, Z0); \
	VPSUBQ Z0, TWOP, K2, Z0; \
	VMOVDQU64 Z0, (QT+AT*64)(DI)

#define PLAIN(AT, STEP, FAR) \
	GATHER(AT*STEP+FAR, Z0); \
	VMOVDQU64 Z0, (QZ+AT*64)(DI)

// func takeEights(s *sum, table *[9]multiple, digits *[8]int64)
TEXT ·takeEights(SB), NOSPLIT, $0-24
	MOVQ s+0(FP), DI
	MOVQ table+8(FP), SI
	MOVQ digits+16(FP), BX
	CONSTANTS
	VMOVDQU64 (BX), Z0
	VPMOVQ2M Z0, K2
	VPABSQ Z0, Z0
	MOVQ $(4*E), AX
	VPBROADCASTQ AX, Z1
	VPMULLQ Z1, Z0, Z24
	VPADDQ lanes<>(SB), Z24, Z24
	PAIR(0, 64, E)
	PAIR(1, 64, E)
	PAIR(2, 64, E)
	PAIR(3, 64, E)
	PAIR(4, 64, E)
	PLAIN(0, 64, 2*E)
	PLAIN(1, 64, 2*E)
	PLAIN(2, 64, 2*E)
	PLAIN(3, 64, 2*E)
	PLAIN(4, 64, 2*E)
	SIGNED(0, 64, 3*E, Z29)
	SIGNED(1, 64, 3*E, Z28)
	SIGNED(2, 64, 3*E, Z28)
	SIGNED(3, 64, 3*E, Z28)
	SIGNED(4, 64, 3*E, Z28)
	VZEROUPPER
	RET

DATA lanes<>+0(SB)/8, $0
DATA lanes<>+8(SB)/8, $8
DATA lanes<>+16(SB)/8, $16
DATA lanes<>+24(SB)/8, $24
DATA lanes<>+32(SB)/8, $32
DATA lanes<>+40(SB)/8, $40
DATA lanes<>+48(SB)/8, $48
DATA lanes<>+56(SB)/8, $56
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// func takeBase(s *sum, table *[129][15]uint64, digits *[8]int64)
//
// Z is one: what is added has 2.
TEXT ·takeBase(SB), NOSPLIT, $0-24
	MOVQ s+0(FP), DI
	MOVQ table+8(FP), SI
	MOVQ digits+16(FP), BX
	CONSTANTS
	VMOVDQU64 (BX), Z0
	VPMOVQ2M Z0, K2
	VPABSQ Z0, Z0
	MOVQ $120, AX
	VPBROADCASTQ AX, Z1
	VPMULLQ Z1, Z0, Z24
	PAIR(0, 8, 40)
	PAIR(1, 8, 40)
	PAIR(2, 8, 40)
	PAIR(3, 8, 40)
	PAIR(4, 8, 40)
	SIGNED(0, 8, 80, Z29)
	SIGNED(1, 8, 80, Z28)
	SIGNED(2, 8, 80, Z28)
	SIGNED(3, 8, 80, Z28)
	SIGNED(4, 8, 80, Z28)
	MOVQ $2, AX
	VPBROADCASTQ AX, Z0
	VPXORQ Z1, Z1, Z1
	VMOVDQU64 Z0, (QZ)(DI)
	VMOVDQU64 Z1, (QZ+64)(DI)
	VMOVDQU64 Z1, (QZ+128)(DI)
	VMOVDQU64 Z1, (QZ+192)(DI)
	VMOVDQU64 Z1, (QZ+256)(DI)
	VZEROUPPER
	RET
