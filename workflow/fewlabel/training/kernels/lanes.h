/* GroupNorm, ReLU and max-pool on vectors of LANES channels, for both types; `kernels.c` includes it for each LANES, to
   be COMPILED for the processors that have such vectors. */

#define JOINED(name, lanes) name##_##lanes
#define EXPANDED(name, lanes) JOINED(name, lanes)
#define OF_LANES(name) EXPANDED(name, LANES)

#define vector OF_LANES(vector)
#define whole OF_LANES(whole)
#define bits OF_LANES(bits)
#define upper OF_LANES(upper)
typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t whole __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t bits __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t upper __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

#define load_float32 OF_LANES(load_float32)
#define load_bfloat16 OF_LANES(load_bfloat16)
#define store_float32 OF_LANES(store_float32)
#define store_bfloat16 OF_LANES(store_bfloat16)
#define pick OF_LANES(pick)
#define all OF_LANES(all)
#define over_group OF_LANES(over_group)

INLINE COMPILED vector load_float32(const float *at) { return *(const vector *)at; }
INLINE COMPILED void store_float32(float *at, vector values) { *(vector *)at = values; }
INLINE COMPILED vector load_bfloat16(const bfloat16 *at) {
    return (vector)(__builtin_convertvector(*(const upper *)at, bits) << 16);
}
/* Rounded to nearest, ties to even. */
INLINE COMPILED void store_bfloat16(bfloat16 *at, vector values) {
    bits raw = (bits)values, nan = (bits)(values != values);
    bits rounded = (raw + 0x7fff + ((raw >> 16) & 1)) >> 16;
    *(upper *)at = __builtin_convertvector((rounded & ~nan) | (nan & 0x7fc0), upper);
}
INLINE COMPILED vector pick(whole condition, vector yes, vector no) {
    return (vector)(((whole)yes & condition) | ((whole)no & ~condition));
}
INLINE COMPILED vector all(float value) { return (vector){0} + value; }
/* The sum over the channels of each group, in each of its channels. */
INLINE COMPILED vector over_group(vector sums) {
    vector result = all(0);
    for (int first = 0; first < LANES; first += GROUP) {
        float sum = 0;
        for (int other = 0; other < GROUP; other++) sum += sums[first + other];
        for (int other = 0; other < GROUP; other++) result[first + other] = sum;
    }
    return result;
}

#define VALUE float
#define OF_TYPE(name) OF_LANES(name##_float32)
#define LOAD load_float32
#define STORE store_float32
#include "normalise.h"
#undef VALUE
#undef OF_TYPE
#undef LOAD
#undef STORE
#define VALUE bfloat16
#define OF_TYPE(name) OF_LANES(name##_bfloat16)
#define LOAD load_bfloat16
#define STORE store_bfloat16
#include "normalise.h"
#undef VALUE
#undef OF_TYPE
#undef LOAD
#undef STORE

#undef vector
#undef whole
#undef bits
#undef upper
#undef load_float32
#undef load_bfloat16
#undef store_float32
#undef store_bfloat16
#undef pick
#undef all
#undef over_group
#undef JOINED
#undef EXPANDED
#undef OF_LANES
