// Arithmetic on registers of eight residues, for vector_amd64.s and products_amd64.s:
// T and U are overwritten, DI points at the constants.

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

// HI below 2^52 to below q.
#define FINISH(HI) \
	BARRETT(HI); \
	BELOW(HI)
