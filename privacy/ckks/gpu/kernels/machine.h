// The machine that kernels run on: a GPU, where clang compiles them as CUDA to PTX,
// or the emulator's processor, where gcc compiles the same text as C.
//
// A kernel is what one block does. It is a list of phases with SYNC between them; a
// phase is EACH(t) with what thread t does. On a GPU the threads of a block run each
// phase together; the emulator runs it for one thread after another, forward or
// backward, so a phase must not read what another thread of it writes. What a
// thread keeps from one phase to the next lies in SHARED memory.
//
// Every argument of every kernel is one 64-bit word, a number or the address of
// device memory.
#ifndef MACHINE_H
#define MACHINE_H

typedef unsigned long long u64;
typedef unsigned int u32;
typedef unsigned __int128 u128;

// Threads of every block.
#define THREADS 256

#ifdef __CUDA__

#define KERNEL extern "C" __attribute__((global)) __attribute__((launch_bounds(THREADS))) void
#define INNER static inline __attribute__((device)) __attribute__((always_inline))
#define SHARED static __attribute__((shared))
#define EACH(t) for (u32 t = __nvvm_read_ptx_sreg_tid_x(), once_##t = 1; once_##t; once_##t = 0)
#define SYNC __syncthreads()
#define BLOCK_X ((u32)__nvvm_read_ptx_sreg_ctaid_x())
#define BLOCK_Y ((u32)__nvvm_read_ptx_sreg_ctaid_y())
#define BLOCK_Z ((u32)__nvvm_read_ptx_sreg_ctaid_z())

#else

struct place {
    u32 x, y, z;
    u32 first, step; // of the threads: 0 and 1, or the last and -1
};
extern _Thread_local struct place place;

#define KERNEL void
#define INNER static inline
#define SHARED static _Thread_local
#define EACH(t) for (u32 t = place.first; t < THREADS; t += place.step)
#define SYNC
#define BLOCK_X place.x
#define BLOCK_Y place.y
#define BLOCK_Z place.z

#endif

#endif
