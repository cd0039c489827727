// Residues modulo a prime below 2^50, as privacy/ckks/rns computes with them: every
// result that leaves a kernel is below its prime, so both agree to the bit.
#ifndef ARITHMETIC_H
#define ARITHMETIC_H

#include "machine.h"

#define WORD 52 // bits of Montgomery's radix
#define MASK ((1ull << WORD) - 1)

// A constant with floor(w 2^64 / q): its product with any word takes three
// multiplications (Shoup; Harvey 2014).
struct pair {
    u64 w, quotient;
};

// A prime with its tables, as tables.go lays it out.
struct modulus {
    u64 q;
    u64 mu;              // floor(2^64 / q)
    u64 mont;            // -1/q modulo 2^52
    u64 bytes;           // of a packed residue
    struct pair radix;   // 2^52 mod q
    struct pair inverse; // 1/N
    struct pair special; // the product of the key-switching primes
    u64 forward;         // addresses of N pairs: powers of the root, bit-reversed
    u64 backward;
    u64 unused[4];
};

// A set's primes: those of ciphertexts, then those of key switching.
struct set {
    u64 logN;
    u64 primes;  // of ciphertexts
    u64 special; // primes of key switching, and of a digit
    u64 unused;
    struct modulus moduli[];
};

// at returns the modulus of limb i of a value at a level, key switching's primes last.
INNER const struct modulus *at(const struct set *s, u32 i, u32 level) {
    return &s->moduli[i <= level ? i : i + s->primes - 1 - level];
}

// Two words: a product, or a sum of products.
struct wide {
    u64 hi, lo;
};

INNER u64 high(u64 a, u64 b) { return (u64)((u128)a * b >> 64); }

// times returns w x mod q, below 2q, for any x.
INNER u64 times(struct pair p, u64 x, u64 q) { return p.w * x - high(p.quotient, x) * q; }

// below brings a value under 2 q to under q.
INNER u64 below(u64 x, u64 q) { return x < q ? x : x - q; }

INNER u64 reduce(const struct modulus *m, u64 x) { return below(x - high(m->mu, x) * m->q, m->q); }

INNER u64 scale(const struct modulus *m, struct pair p, u64 x) { return below(times(p, x, m->q), m->q); }

INNER struct wide gather(struct wide s, u64 a, u64 b) {
    u128 sum = ((u128)s.hi << 64 | s.lo) + (u128)a * b;
    struct wide out = {(u64)(sum >> 64), (u64)sum};
    return out;
}

// redc returns s / 2^52 mod q, below q, for s below 2^113 (Montgomery).
INNER u64 redc(const struct modulus *m, struct wide s) {
    u64 factor = s.lo * m->mont & MASK;
    s = gather(s, factor, m->q);
    return reduce(m, s.hi << (64 - WORD) | s.lo >> WORD);
}

// plain is redc of a product of two residues neither of which is in Montgomery's form.
INNER u64 plain(const struct modulus *m, struct wide s) { return scale(m, m->radix, redc(m, s)); }

// reversed returns i with its logN bits reversed.
INNER u32 reversed(u32 i, u32 logN) {
#ifdef __CUDA__
    return __builtin_bitreverse32(i) >> (32 - logN);
#else
    u32 out = 0;
    for (u32 k = 0; k < logN; k++, i >>= 1) out = out << 1 | (i & 1);
    return out;
#endif
}

// turned returns where residue i of a transformed vector comes from under X -> X^g.
INNER u32 turned(u32 i, u32 g, u32 logN) {
    u32 e = g * (2 * reversed(i, logN) + 1) & ((2u << logN) - 1);
    return reversed(e >> 1, logN);
}

// packed returns the residue of `bytes` bytes at an offset of a vector of them; the
// vector begins at a multiple of 8 and has 8 bytes to spare.
INNER u64 packed(const u32 *data, u64 offset, u64 bytes) {
    const u32 *from = data + (offset >> 2);
    u64 shift = (offset & 3) * 8;
    u64 x = ((u64)from[1] << 32 | from[0]) >> shift;
    if (shift + 8 * bytes > 64) x |= (u64)from[2] << (64 - shift);
    return x & (~0ull >> (64 - 8 * bytes));
}

#endif
