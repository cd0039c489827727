// Key switching and division: residues of some primes brought to others (rns.Basis),
// and the sums of digits times keys.
#ifndef SWITCHING_H
#define SWITCHING_H

#include "vector.h"

// A source is one of the primes that a basis extends from.
struct source {
    u64 half;         // (D-1)/2 modulo it, D being the product of all
    u64 shift, ratio; // y/q in 51-bit fixed point: the high half of y 2^shift times ratio
    u64 index;        // of its modulus in the set
    struct pair inverse;
};

// A target is a prime that it extends to.
struct target {
    u64 minus; // -(D-1)/2
    u64 unused;
    struct pair inverse; // 1/D
    u64 factors[10];     // Montgomery: D/q of each source, -D, -(D-1)/2
};

struct basis {
    u64 count, unused;
    struct source sources[8];
    struct target targets[]; // by modulus in the set
};

INNER const struct basis *basisOf(const u64 *bases, u64 step) { return (const struct basis *)bases[BLOCK_Z * step]; }

// fold brings coefficients modulo each source into the form that extend takes: of copy
// z, count limbs and, for several, one more.
KERNEL fold(const struct set *s, u64 *out, u64 outStep, const u64 *in, u64 inStep, const u64 *bases, u64 basesStep) {
    const struct basis *b = basisOf(bases, basesStep);
    u64 n = 1ull << s->logN;
    EACH(t) {
        u64 i = INDEX(t), sum = 0;
        const u64 *x = in + BLOCK_Z * inStep + i;
        u64 *y = out + BLOCK_Z * outStep + i;
        for (u64 k = 0; k < b->count; k++) {
            const struct source *from = &b->sources[k];
            const struct modulus *m = &s->moduli[from->index];
            u64 v = scale(m, from->inverse, below(x[k * n] + from->half, m->q));
            u128 share = (u128)(v << from->shift) * from->ratio;
            y[k * n] = v;
            sum += (u64)(share >> WORD);
        }
        if (b->count > 1) y[b->count * n] = sum >> (WORD - 1);
    }
}

// extend sets limb y of copy z to what was folded, modulo that limb's prime. Where own
// is 1, limbs that a digit stands for are left alone.
KERNEL extend(const struct set *s, u64 *out, u64 outStep, const u64 *in, u64 inStep, const u64 *bases, u64 basesStep, u64 level, u64 own) {
    const struct basis *b = basisOf(bases, basesStep);
    const struct modulus *m = at(s, BLOCK_Y, (u32)level);
    const struct target *to = &b->targets[m - s->moduli];
    u64 n = 1ull << s->logN;
    if (own && BLOCK_Y <= level && BLOCK_Y / (u32)s->special == BLOCK_Z) return;
    EACH(t) {
        u64 i = INDEX(t);
        const u64 *y = in + BLOCK_Z * inStep + i;
        u64 x;
        if (b->count == 1) {
            x = below(reduce(m, y[0]) + to->minus, m->q);
        } else {
            struct wide sum = {0, to->factors[b->count + 1]};
            for (u64 k = 0; k <= b->count; k++) sum = gather(sum, y[k * n], to->factors[k]);
            x = redc(m, sum);
        }
        limbAt(s, out, outStep)[i] = x;
    }
}

// keyed sets both halves of out, limb y, to the sum over digits of digit times key, P
// times too large; adds P times base0 and base1 where they are not 0, in limbs of
// ciphertext primes; and permutes the whole so that residue i goes where X -> X^g takes
// it from, back being 1/g. A key is rns.Weights by limb, at a level of its own; its
// first words tell where each begins, in bytes.
KERNEL keyed(const struct set *s, u64 *out, u64 outStep, const u64 *digits, u64 digitStep, const u64 *own, const u64 *key, u64 level, u64 keyLevel, const u64 *base0, const u64 *base1, u64 back, u64 adds) {
    u32 limb = BLOCK_Y, width = (u32)s->special, count = ((u32)level + width) / width, keyDigits = ((u32)keyLevel + width) / width;
    const struct modulus *m = at(s, limb, (u32)level);
    const u32 *data = (const u32 *)key + key[limb <= level ? limb : limb + keyLevel - level] / 4;
    EACH(t) {
        u64 i = INDEX(t), at = i + ((u64)limb << s->logN), offset = ((i & ~31ull) * 2 * keyDigits + (i & 31)) * m->bytes;
        struct wide x = {0, 0}, y = {0, 0};
        for (u32 d = 0; d < count; d++, offset += 64 * m->bytes) {
            u64 v = limb <= level && limb / width == d ? own[at] : digits[d * digitStep + at];
            x = gather(x, v, packed(data, offset, m->bytes));
            y = gather(y, v, packed(data, offset + 32 * m->bytes, m->bytes));
        }
        u64 v = redc(m, x), w = redc(m, y), to = turned((u32)i, (u32)back, (u32)s->logN) + ((u64)limb << s->logN);
        if (limb <= level) {
            if (base0) v = below(v + scale(m, m->special, base0[at]), m->q);
            if (base1) w = below(w + scale(m, m->special, base1[at]), m->q);
        }
        out[to] = adds ? below(out[to] + v, m->q) : v;
        out[to + outStep] = adds ? below(out[to + outStep] + w, m->q) : w;
    }
}

// divided sets out to (sum - low) / D: the last step of a division, low being the
// residues of sum modulo D, extended and transformed.
KERNEL divided(const struct set *s, u64 *out, u64 outStep, const u64 *sum, u64 sumStep, const u64 *low, u64 lowStep, const u64 *bases) {
    const struct modulus *m = &s->moduli[BLOCK_Y];
    struct pair inverse = ((const struct basis *)bases[0])->targets[BLOCK_Y].inverse;
    EACH(t) {
        u32 i = INDEX(t);
        limbAt(s, out, outStep)[i] = scale(m, inverse, limbAt(s, sum, sumStep)[i] + m->q - limbAt(s, low, lowStep)[i]);
    }
}

#endif
