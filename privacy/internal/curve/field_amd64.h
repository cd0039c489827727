// Elements of GF(2^255 - 19), eight at a time: five limbs of 51 bits, of each limb
// eight lanes, 64 bytes. What is multiplied has limbs under 2^52, and so have all
// results: at most 2^51 + 2^14. An operand is an offset from DI.

// In Z28 to Z31: 2p's upper limbs, its lowest, 19, and a limb's bits.
#define CONSTANTS \
	MOVQ $0xffffffffffffe, AX; \
	VPBROADCASTQ AX, Z28; \
	MOVQ $0xfffffffffffda, AX; \
	VPBROADCASTQ AX, Z29; \
	MOVQ $19, AX; \
	VPBROADCASTQ AX, Z30; \
	MOVQ $0x7ffffffffffff, AX; \
	VPBROADCASTQ AX, Z31

#define LOAD(A, R0, R1, R2, R3, R4) \
	VMOVDQU64 (A)(DI), R0; \
	VMOVDQU64 (A+64)(DI), R1; \
	VMOVDQU64 (A+128)(DI), R2; \
	VMOVDQU64 (A+192)(DI), R3; \
	VMOVDQU64 (A+256)(DI), R4

#define STORE(O) \
	VMOVDQU64 Z5, (O)(DI); \
	VMOVDQU64 Z6, (O+64)(DI); \
	VMOVDQU64 Z7, (O+128)(DI); \
	VMOVDQU64 Z8, (O+192)(DI); \
	VMOVDQU64 Z9, (O+256)(DI)

// What is over 51 bits goes to the next limb, of the last one 19 times to the first.
#define CARRY \
	VPSRLQ $51, Z5, Z0; \
	VPSRLQ $51, Z6, Z1; \
	VPSRLQ $51, Z7, Z2; \
	VPSRLQ $51, Z8, Z3; \
	VPSRLQ $51, Z9, Z4; \
	VPANDQ Z31, Z5, Z5; \
	VPANDQ Z31, Z6, Z6; \
	VPANDQ Z31, Z7, Z7; \
	VPANDQ Z31, Z8, Z8; \
	VPANDQ Z31, Z9, Z9; \
	VPMADD52LUQ Z30, Z4, Z5; \
	VPADDQ Z0, Z6, Z6; \
	VPADDQ Z1, Z7, Z7; \
	VPADDQ Z2, Z8, Z8; \
	VPADDQ Z3, Z9, Z9

#define CLEAR \
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
	VPXORQ Z15, Z15, Z15; \
	VPXORQ Z16, Z16, Z16; \
	VPXORQ Z17, Z17, Z17; \
	VPXORQ Z18, Z18, Z18; \
	VPXORQ Z19, Z19, Z19; \
	VPXORQ Z20, Z20, Z20; \
	VPXORQ Z21, Z21, Z21; \
	VPXORQ Z22, Z22, Z22

// A product of limbs i and j: its low 52 bits to the sum of i+j (Z5 to Z13, from 0),
// the high ones, which count twice, to that of i+j+1 (Z14 to Z22, from 1).
#define PRODUCT(X, Y, L, H) \
	VPMADD52LUQ X, Y, L; \
	VPMADD52HUQ X, Y, H

#define ROW(B, L0, L1, L2, L3, L4, H0, H1, H2, H3, H4) \
	VMOVDQU64 (B)(DI), Z23; \
	PRODUCT(Z23, Z0, L0, H0); \
	PRODUCT(Z23, Z1, L1, H1); \
	PRODUCT(Z23, Z2, L2, H2); \
	PRODUCT(Z23, Z3, L3, H3); \
	PRODUCT(Z23, Z4, L4, H4)

// The high sums count twice; what is from 2^255 on counts 19 times. Sums are under
// 2^56, all of them together under 2^61.
#define FOLD \
	VPADDQ Z14, Z14, Z14; \
	VPADDQ Z15, Z15, Z15; \
	VPADDQ Z16, Z16, Z16; \
	VPADDQ Z17, Z17, Z17; \
	VPADDQ Z18, Z18, Z18; \
	VPADDQ Z19, Z19, Z19; \
	VPADDQ Z20, Z20, Z20; \
	VPADDQ Z21, Z21, Z21; \
	VPADDQ Z22, Z22, Z22; \
	VPADDQ Z18, Z10, Z10; \
	VPADDQ Z19, Z11, Z11; \
	VPADDQ Z20, Z12, Z12; \
	VPADDQ Z21, Z13, Z13; \
	VPMULLQ Z30, Z10, Z10; \
	VPMULLQ Z30, Z11, Z11; \
	VPMULLQ Z30, Z12, Z12; \
	VPMULLQ Z30, Z13, Z13; \
	VPMULLQ Z30, Z22, Z22; \
	VPADDQ Z14, Z6, Z6; \
	VPADDQ Z15, Z7, Z7; \
	VPADDQ Z16, Z8, Z8; \
	VPADDQ Z17, Z9, Z9; \
	VPADDQ Z10, Z5, Z5; \
	VPADDQ Z11, Z6, Z6; \
	VPADDQ Z12, Z7, Z7; \
	VPADDQ Z13, Z8, Z8; \
	VPADDQ Z22, Z9, Z9; \
	CARRY

#define MUL(O, A, B) \
	LOAD(A, Z0, Z1, Z2, Z3, Z4); \
	CLEAR; \
	ROW(B, Z5, Z6, Z7, Z8, Z9, Z14, Z15, Z16, Z17, Z18); \
	ROW(B+64, Z6, Z7, Z8, Z9, Z10, Z15, Z16, Z17, Z18, Z19); \
	ROW(B+128, Z7, Z8, Z9, Z10, Z11, Z16, Z17, Z18, Z19, Z20); \
	ROW(B+192, Z8, Z9, Z10, Z11, Z12, Z17, Z18, Z19, Z20, Z21); \
	ROW(B+256, Z9, Z10, Z11, Z12, Z13, Z18, Z19, Z20, Z21, Z22); \
	FOLD; \
	STORE(O)

// Products of two limbs that differ count twice.
#define SQUARE(O, A) \
	LOAD(A, Z0, Z1, Z2, Z3, Z4); \
	CLEAR; \
	PRODUCT(Z0, Z1, Z6, Z15); \
	PRODUCT(Z0, Z2, Z7, Z16); \
	PRODUCT(Z0, Z3, Z8, Z17); \
	PRODUCT(Z0, Z4, Z9, Z18); \
	PRODUCT(Z2, Z4, Z11, Z20); \
	PRODUCT(Z3, Z4, Z12, Z21); \
	PRODUCT(Z1, Z2, Z8, Z17); \
	PRODUCT(Z1, Z3, Z9, Z18); \
	PRODUCT(Z1, Z4, Z10, Z19); \
	PRODUCT(Z2, Z3, Z10, Z19); \
	VPADDQ Z6, Z6, Z6; \
	VPADDQ Z7, Z7, Z7; \
	VPADDQ Z8, Z8, Z8; \
	VPADDQ Z9, Z9, Z9; \
	VPADDQ Z10, Z10, Z10; \
	VPADDQ Z11, Z11, Z11; \
	VPADDQ Z12, Z12, Z12; \
	VPADDQ Z15, Z15, Z15; \
	VPADDQ Z16, Z16, Z16; \
	VPADDQ Z17, Z17, Z17; \
	VPADDQ Z18, Z18, Z18; \
	VPADDQ Z19, Z19, Z19; \
	VPADDQ Z20, Z20, Z20; \
	VPADDQ Z21, Z21, Z21; \
	PRODUCT(Z0, Z0, Z5, Z14); \
	PRODUCT(Z1, Z1, Z7, Z16); \
	PRODUCT(Z2, Z2, Z9, Z18); \
	PRODUCT(Z3, Z3, Z11, Z20); \
	PRODUCT(Z4, Z4, Z13, Z22); \
	FOLD; \
	STORE(O)

#define ADD(O, A, B) \
	LOAD(A, Z5, Z6, Z7, Z8, Z9); \
	VPADDQ (B)(DI), Z5, Z5; \
	VPADDQ (B+64)(DI), Z6, Z6; \
	VPADDQ (B+128)(DI), Z7, Z7; \
	VPADDQ (B+192)(DI), Z8, Z8; \
	VPADDQ (B+256)(DI), Z9, Z9; \
	CARRY; \
	STORE(O)

#define SUB(O, A, B) \
	LOAD(A, Z5, Z6, Z7, Z8, Z9); \
	VPADDQ Z29, Z5, Z5; \
	VPADDQ Z28, Z6, Z6; \
	VPADDQ Z28, Z7, Z7; \
	VPADDQ Z28, Z8, Z8; \
	VPADDQ Z28, Z9, Z9; \
	VPSUBQ (B)(DI), Z5, Z5; \
	VPSUBQ (B+64)(DI), Z6, Z6; \
	VPSUBQ (B+128)(DI), Z7, Z7; \
	VPSUBQ (B+192)(DI), Z8, Z8; \
	VPSUBQ (B+256)(DI), Z9, Z9; \
	CARRY; \
	STORE(O)
