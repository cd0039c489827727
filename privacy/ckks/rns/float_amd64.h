// Arithmetic on registers of four residues in float64, for float_amd64.s and
// floatsums_amd64.s: H and C are overwritten, DI points at the constants.

#define Q    Y15
#define QINV Y14
#define H    Y13
#define C    Y12
#define TWO  Y11 // 2^52, whose sum with an integer holds it in the low bits
#define ZERO Y10

#define CONSTANTS \
	VBROADCASTSD 0(DI), Q; \
	VBROADCASTSD 8(DI), QINV; \
	MOVQ $0x4330000000000000, R8; \
	VMOVQ R8, X11; \
	VPBROADCASTQ X11, TWO; \
	VXORPD ZERO, ZERO, ZERO

// Y = W Y modulo q: the rounded product less the nearest multiple of q, and what
// rounding took off the product.
#define MULMOD(W, Y) \
	VMULPD W, Y, H; \
	VMULPD QINV, H, C; \
	VROUNDPD $8, C, C; \
	VFMSUB213PD H, W, Y; \
	VFNMADD231PD Q, C, H; \
	VADDPD H, Y, Y

// X to at most q/2 in magnitude.
#define REDUCE(X) \
	VMULPD QINV, X, C; \
	VROUNDPD $8, C, C; \
	VFNMADD231PD Q, C, X

// X to below q and not below 0, as an integer.
#define INTEGER(X) \
	REDUCE(X); \
	VCMPPD $1, ZERO, X, C; \
	VANDPD Q, C, C; \
	VADDPD C, X, X; \
	VADDPD TWO, X, X; \
	VXORPD TWO, X, X

#define FLOAT(P, X) \
	VORPD P, TWO, X; \
	VSUBPD TWO, X, X
