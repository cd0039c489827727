// Sums, products and permutations, residue by residue: block x has residues 256 x on,
// y is the limb, z the half of a value or the copy, each a number of words (step) from
// the last.
#ifndef VECTOR_H
#define VECTOR_H

#include "arithmetic.h"

// limbAt returns the first residue of this block's limb in its copy.
#define limbAt(s, v, step) ((v) + BLOCK_Z * (step) + ((u64)BLOCK_Y << (s)->logN))
#define INDEX(t) (BLOCK_X * THREADS + (t))

KERNEL add(const struct set *s, u64 *out, u64 outStep, const u64 *a, u64 aStep, const u64 *b, u64 bStep) {
    u64 q = s->moduli[BLOCK_Y].q;
    EACH(t) {
        u32 i = INDEX(t);
        limbAt(s, out, outStep)[i] = below(limbAt(s, a, aStep)[i] + limbAt(s, b, bStep)[i], q);
    }
}

// turn sets out to in, permuted as X -> X^g does, or adds that to it.
KERNEL turn(const struct set *s, u64 *out, u64 outStep, const u64 *in, u64 inStep, u64 g, u64 adds) {
    u64 q = s->moduli[BLOCK_Y].q;
    EACH(t) {
        u32 i = INDEX(t);
        u64 *to = limbAt(s, out, outStep) + i, x = limbAt(s, in, inStep)[turned(i, (u32)g, (u32)s->logN)];
        *to = adds ? below(*to + x, q) : x;
    }
}

// tensor sets d0, d1, d2 to a0 b0, a0 b1 + a1 b0, a1 b1, or adds those.
KERNEL tensor(const struct set *s, u64 *d, u64 step, const u64 *a, u64 aStep, const u64 *b, u64 bStep, u64 adds) {
    const struct modulus *m = &s->moduli[BLOCK_Y];
    EACH(t) {
        u64 i = INDEX(t) + ((u64)BLOCK_Y << s->logN);
        u64 a0 = a[i], a1 = a[i + aStep], b0 = b[i], b1 = b[i + bStep];
        struct wide none = {0, 0};
        u64 x = plain(m, gather(none, a0, b0)), y = plain(m, gather(gather(none, a0, b1), a1, b0)), z = plain(m, gather(none, a1, b1));
        d[i] = adds ? below(d[i] + x, m->q) : x;
        d[i + step] = adds ? below(d[i + step] + y, m->q) : y;
        d[i + 2 * step] = adds ? below(d[i + 2 * step] + z, m->q) : z;
    }
}

// scaled sets out to a constant of each limb times in, or adds that to it. Where there
// are no constants, that is the product of the key-switching primes.
KERNEL scaled(const struct set *s, u64 *out, u64 outStep, const u64 *in, u64 inStep, const struct pair *constants, u64 adds) {
    const struct modulus *m = &s->moduli[BLOCK_Y];
    struct pair by = constants ? constants[BLOCK_Y] : m->special;
    EACH(t) {
        u32 i = INDEX(t);
        u64 *to = limbAt(s, out, outStep) + i, x = scale(m, by, limbAt(s, in, inStep)[i]);
        *to = adds ? below(*to + x, m->q) : x;
    }
}

// multiplied sets out to in times a plaintext in Montgomery's form, or adds that to it.
KERNEL multiplied(const struct set *s, u64 *out, u64 outStep, const u64 *in, u64 inStep, const u64 *plaintext, u64 adds) {
    const struct modulus *m = &s->moduli[BLOCK_Y];
    EACH(t) {
        u32 i = INDEX(t);
        struct wide none = {0, 0};
        u64 *to = limbAt(s, out, outStep) + i;
        u64 x = redc(m, gather(none, limbAt(s, in, inStep)[i], plaintext[i + ((u64)BLOCK_Y << s->logN)]));
        *to = adds ? below(*to + x, m->q) : x;
    }
}

// A factor is what a weight multiplies: the addresses of both halves' limbs.
struct both {
    u64 half[2];
};

// weighted sets both halves of out to the sums of weights times terms, limbs of
// key-switching primes having their own list. Weights are rns.Weights, one a limb; their
// first words tell where each begins, in bytes.
KERNEL weighted(const struct set *s, u64 *out, u64 outStep, const u64 *weights, const struct both *terms, u64 count, const struct both *special, u64 specialCount, u64 level) {
    const struct modulus *m = at(s, BLOCK_Y, (u32)level);
    const struct both *list = BLOCK_Y <= level ? terms : special;
    u64 n = BLOCK_Y <= level ? count : specialCount;
    const u32 *data = (const u32 *)weights + weights[BLOCK_Y] / 4;
    EACH(t) {
        u64 i = INDEX(t), at = i + ((u64)BLOCK_Y << s->logN), offset = ((i & ~31ull) * n + (i & 31)) * m->bytes;
        struct wide x = {0, 0}, y = {0, 0};
        for (u64 k = 0; k < n; k++, offset += 32 * m->bytes) {
            u64 w = packed(data, offset, m->bytes);
            x = gather(x, w, ((const u64 *)list[k].half[0])[at]);
            y = gather(y, w, ((const u64 *)list[k].half[1])[at]);
        }
        out[at] = redc(m, x);
        out[at + outStep] = redc(m, y);
    }
}

#endif
