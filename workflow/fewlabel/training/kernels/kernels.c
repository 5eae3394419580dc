/* Kernels of the U-Net's training on CPUs, for feature maps in channels last: (sample, row, column, channel).

   - GroupNorm (four channels a group) and ReLU, with a 2 x 2 max-pool where one follows: forward and backward.
   - The concatenation of an up-sampled map with a skip: forward and backward.

   Values are float32, or bfloat16 as the upper 16 bits of one; sums are float32. Each sample is computed by one thread,
   in one order, so that results do not depend on the number of threads. NaN stays NaN.

   The file uses no library and no Python: `library.py` loads it. Vectors are GCC's vector types, which Clang has too,
   of 16, 8 or 4 channels: the widest that a processor has registers for, since wider ones are slow. */

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* Raise it with every change of a function's arguments; `library.py` has the same number. */
#define VERSION 2

#define GROUP 4   /* channels a group */
#define BLOCK 256 /* pixels summed before the sum is added to a larger one */

#define EXPORTED __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))
#ifdef __x86_64__
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define WITH_AVX2 __attribute__((target("avx2,fma")))
#endif

typedef uint16_t bfloat16;

/* ------------------------------------------------------------------------------------------- samples and threads */

/* GNU OpenMP's entry to a parallel region: PyTorch has loaded a library with it, whose threads are shared. */
typedef void (*parallel_region)(void (*)(void *), void *, unsigned, unsigned);

struct batch {
    void (*compute)(const void *, long);
    const void *arguments;
    long samples;
    atomic_long next;
};

static void compute_samples(void *shared) {
    struct batch *batch = shared;
    for (long sample; (sample = atomic_fetch_add(&batch->next, 1)) < batch->samples;)
        batch->compute(batch->arguments, sample);
}

static void compute_batch(void (*compute)(const void *, long), const void *arguments, long samples, int threads,
                          parallel_region parallel) {
    struct batch batch = {compute, arguments, samples, 0};
    if (parallel && threads > 1 && samples > 1)
        parallel(compute_samples, &batch, (unsigned)threads, 0);
    else
        compute_samples(&batch);
}

/* ------------------------------------------------------------------------------------- GroupNorm, ReLU, max-pool */

struct normalisation {
    const void *features; /* (sample, row, column, channel) */
    const float *weight, *bias;
    float *mean, *inverse;       /* (sample, channel): of each channel's group; inverse: 1 / standard deviation */
    void *output, *pooled;       /* forward; `pooled` is null where no pool follows */
    const void *output_gradient; /* backward; null where only the pooled map is used */
    const void *pooled_gradient; /* null where no pool follows */
    void *gradient;
    float *weight_gradient, *bias_gradient; /* (sample, channel) */
    int64_t samples, rows, columns, channels;
    float epsilon;
    int32_t is_bfloat16;
};

#ifdef __x86_64__
#define LANES 16
#define COMPILED WITH_AVX512
#include "lanes.h"
#undef LANES
#undef COMPILED
#define LANES 8
#define COMPILED WITH_AVX2
#include "lanes.h"
#undef LANES
#undef COMPILED
#endif
#define LANES 4
#define COMPILED
#include "lanes.h"

/* Channels of the widest vectors that this processor computes at once. */
EXPORTED int widest(void) {
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 4;
    int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return avx512 ? 16 : 8;
#else
    return 4;
#endif
}

typedef void (*computation)(const void *, long);

#define CHOOSE(lanes) \
    ((computation[2][2]){{forward_float32_##lanes, forward_bfloat16_##lanes}, \
                         {backward_float32_##lanes, backward_bfloat16_##lanes}}[backward][arguments->is_bfloat16])

/* `lanes`: 16, 8 or 4, at most `widest`; the channels are a multiple of it. */
EXPORTED void normalise(const struct normalisation *arguments, int lanes, int backward, int threads,
                        parallel_region parallel) {
    computation compute = CHOOSE(4);
#ifdef __x86_64__
    if (lanes == 16) compute = CHOOSE(16);
    if (lanes == 8) compute = CHOOSE(8);
#else
    (void)lanes;
#endif
    compute_batch(compute, arguments, arguments->samples, threads, parallel);
}

/* ----------------------------------------------------------------------------------------------- concatenation */

struct concatenation {
    void *phases; /* (sample, row, column, 4 x channel): the four pixels that a coarse pixel becomes, row by row */
    void *skip;   /* (sample, 2 row, 2 column, channel) */
    void *joined; /* (sample, 2 row, 2 column, 2 channel): up-sampled map, skip */
    int64_t samples, rows, columns; /* of the coarse map */
    int64_t bytes;                  /* of a pixel's channels in `skip` */
};

INLINE void move(char *one, char *other, int64_t bytes, int apart) {
    memcpy(apart ? one : other, apart ? other : one, (size_t)bytes);
}

/* From phases and skip to the joined map, or `apart`. Inlined for each width: moves are then a few instructions. */
INLINE void move_pixels(const struct concatenation *a, long sample, int apart, int64_t width) {
    int64_t pixels = a->rows * a->columns;
    char *phases = (char *)a->phases + sample * pixels * 4 * width;
    char *skip = (char *)a->skip + sample * pixels * 4 * width;
    char *joined = (char *)a->joined + sample * pixels * 8 * width;
    for (int64_t row = 0; row < 2 * a->rows; row++) {
        char *up = phases + (row / 2 * a->columns * 4 + row % 2 * 2) * width;
        for (int64_t column = 0; column < a->columns; column++) {
            move(up, joined, width, apart);
            move(skip, joined + width, width, apart);
            move(up + width, joined + 2 * width, width, apart);
            move(skip + width, joined + 3 * width, width, apart);
            up += 4 * width;
            joined += 4 * width;
            skip += 2 * width;
        }
    }
}

#define MOVE(name, apart) \
    static void name(const void *shared, long sample) { \
        const struct concatenation *arguments = shared; \
        switch (arguments->bytes) { \
        case 16: move_pixels(arguments, sample, apart, 16); break; \
        case 32: move_pixels(arguments, sample, apart, 32); break; \
        case 64: move_pixels(arguments, sample, apart, 64); break; \
        case 128: move_pixels(arguments, sample, apart, 128); break; \
        default: move_pixels(arguments, sample, apart, arguments->bytes); \
        } \
    }
MOVE(join, 0)
MOVE(part, 1)

/* Join phases and skip, or, backward, part the joined map's gradient into theirs. */
EXPORTED void concatenate(const struct concatenation *arguments, int backward, int threads, parallel_region parallel) {
    compute_batch(backward ? part : join, arguments, arguments->samples, threads, parallel);
}

EXPORTED int version(void) { return VERSION; }
