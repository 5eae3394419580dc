/* GroupNorm, ReLU and max-pool of one sample, for values of type VALUE in vectors of LANES channels. */

/* The channel's sum over all pixels of `values(pixel)`, with short chains of additions. */
#define SUM_OVER_PIXELS(total, pixels, values) \
    do { \
        total = all(0); \
        for (int64_t start = 0; start < pixels; start += BLOCK) { \
            int64_t end = start + BLOCK < pixels ? start + BLOCK : pixels, pixel = start; \
            vector sum0 = all(0), sum1 = all(0), sum2 = all(0), sum3 = all(0); \
            for (; pixel + 4 <= end; pixel += 4) { \
                sum0 += values(pixel); \
                sum1 += values(pixel + 1); \
                sum2 += values(pixel + 2); \
                sum3 += values(pixel + 3); \
            } \
            for (; pixel < end; pixel++) sum0 += values(pixel); \
            total += (sum0 + sum1) + (sum2 + sum3); \
        } \
    } while (0)

#define IN(pixel) LOAD(in + (pixel)*channels)
#define SQUARE(pixel) ((IN(pixel) - mean) * (IN(pixel) - mean))
#define NORMALISED(pixel) (IN(pixel) * scale + shift)
#define ACTIVE(pixel) pick(NORMALISED(pixel) < all(0), all(0), NORMALISED(pixel))

COMPILED static void OF_TYPE(forward)(const void *shared, long sample) {
    const struct normalisation *a = shared;
    const int64_t channels = a->channels, columns = a->columns, pixels = a->rows * columns;
    for (int64_t channel = 0; channel < channels; channel += LANES) {
        const VALUE *in = (const VALUE *)a->features + sample * pixels * channels + channel;
        VALUE *out = (VALUE *)a->output + sample * pixels * channels + channel;
        float count = (float)(pixels * GROUP);
        vector mean, variance, inverse;
        SUM_OVER_PIXELS(mean, pixels, IN);
        mean = over_group(mean) / count;
        SUM_OVER_PIXELS(variance, pixels, SQUARE);
        variance = over_group(variance) / count + a->epsilon;
        for (int lane = 0; lane < LANES; lane++) inverse[lane] = 1 / __builtin_sqrtf(variance[lane]);
        store_float32(a->mean + sample * channels + channel, mean);
        store_float32(a->inverse + sample * channels + channel, inverse);
        vector scale = load_float32(a->weight + channel) * inverse;
        vector shift = load_float32(a->bias + channel) - mean * scale;
        if (!a->pooled) {
            for (int64_t pixel = 0; pixel < pixels; pixel++) STORE(out + pixel * channels, ACTIVE(pixel));
            continue;
        }
        VALUE *pooled = (VALUE *)a->pooled + sample * (pixels / 4) * channels + channel;
        for (int64_t row = 0; row < a->rows; row += 2)
            for (int64_t column = 0; column < columns; column += 2, pooled += channels) {
                int64_t pixel = row * columns + column;
                vector value0 = ACTIVE(pixel), value1 = ACTIVE(pixel + 1);
                vector value2 = ACTIVE(pixel + columns), value3 = ACTIVE(pixel + columns + 1);
                STORE(out + pixel * channels, value0);
                STORE(out + (pixel + 1) * channels, value1);
                STORE(out + (pixel + columns) * channels, value2);
                STORE(out + (pixel + columns + 1) * channels, value3);
                vector upper_row = pick(value0 < value1, value1, value0);
                vector lower_row = pick(value2 < value3, value3, value2);
                STORE(pooled, pick(upper_row < lower_row, lower_row, upper_row));
            }
    }
}

/* The gradient after ReLU of four pixels that a max-pool joins: of equal ones, the first has the pool's gradient. */
INLINE COMPILED void OF_TYPE(pooled_gradients)(const VALUE *in, const VALUE *given, vector pooled, vector scale,
                                               vector shift, const int64_t offsets[4], vector values[4],
                                               vector gradients[4]) {
    vector active[4];
    for (int k = 0; k < 4; k++) {
        values[k] = LOAD(in + offsets[k]);
        active[k] = values[k] * scale + shift;
    }
    whole right = active[0] < active[1], lower_right = active[2] < active[3];
    whole lower = pick(right, active[1], active[0]) < pick(lower_right, active[3], active[2]);
    vector above = pick(lower, all(0), pooled), below = pick(lower, pooled, all(0));
    vector chosen[4] = {pick(right, all(0), above), pick(right, above, all(0)), pick(lower_right, all(0), below),
                        pick(lower_right, below, all(0))};
    for (int k = 0; k < 4; k++) {
        vector gradient = chosen[k];
        if (given) gradient += LOAD(given + offsets[k]);
        gradients[k] = pick(active[k] > all(0), gradient, all(0));
    }
}

#define GRADIENT(pixel) pick(NORMALISED(pixel) > all(0), LOAD(given + (pixel)*channels), all(0))

COMPILED static void OF_TYPE(backward)(const void *shared, long sample) {
    const struct normalisation *a = shared;
    const int64_t channels = a->channels, columns = a->columns, pixels = a->rows * columns;
    const int64_t offsets[4] = {0, channels, columns * channels, (columns + 1) * channels};
    for (int64_t channel = 0; channel < channels; channel += LANES) {
        const int64_t start = sample * pixels * channels + channel, of_sample = sample * channels + channel;
        const VALUE *in = (const VALUE *)a->features + start, *pooled = 0;
        const VALUE *given = a->output_gradient ? (const VALUE *)a->output_gradient + start : 0;
        VALUE *out = (VALUE *)a->gradient + start;
        vector mean = load_float32(a->mean + of_sample), inverse = load_float32(a->inverse + of_sample);
        vector weight = load_float32(a->weight + channel), scale = weight * inverse;
        vector shift = load_float32(a->bias + channel) - mean * scale;
        vector sum = all(0), weighted = all(0), values[4], gradients[4];
        if (a->pooled_gradient) {
            const VALUE *first = (const VALUE *)a->pooled_gradient + sample * (pixels / 4) * channels + channel;
            pooled = first;
            for (int64_t row = 0; row < a->rows; row += 2) {
                vector row_sum = all(0), row_weighted = all(0);
                for (int64_t column = 0; column < columns; column += 2, pooled += channels) {
                    int64_t at = (row * columns + column) * channels;
                    OF_TYPE(pooled_gradients)(in + at, given ? given + at : 0, LOAD(pooled), scale, shift, offsets,
                                              values, gradients);
                    for (int k = 0; k < 4; k++) {
                        row_sum += gradients[k];
                        row_weighted += gradients[k] * (values[k] - mean);
                    }
                }
                sum += row_sum;
                weighted += row_weighted;
            }
            pooled = first;
        } else {
            for (int64_t from = 0; from < pixels; from += BLOCK) {
                int64_t end = from + BLOCK < pixels ? from + BLOCK : pixels, pixel = from;
                vector sum0 = all(0), sum1 = all(0), weighted0 = all(0), weighted1 = all(0);
                for (; pixel + 2 <= end; pixel += 2) {
                    vector gradient0 = GRADIENT(pixel), gradient1 = GRADIENT(pixel + 1);
                    sum0 += gradient0;
                    sum1 += gradient1;
                    weighted0 += gradient0 * (IN(pixel) - mean);
                    weighted1 += gradient1 * (IN(pixel + 1) - mean);
                }
                if (pixel < end) {
                    vector gradient = GRADIENT(pixel);
                    sum0 += gradient;
                    weighted0 += gradient * (IN(pixel) - mean);
                }
                sum += sum0 + sum1;
                weighted += weighted0 + weighted1;
            }
        }
        weighted *= inverse;
        store_float32(a->bias_gradient + of_sample, sum);
        store_float32(a->weight_gradient + of_sample, weighted);
        /* The gradient is scale * g + slope * x + constant; Wu and He 2018 with its two means over the group. */
        float count = (float)(pixels * GROUP);
        vector slope = -over_group(weight * weighted) * inverse * inverse / count;
        vector constant = -over_group(weight * sum) * inverse / count - slope * mean;
        if (!pooled) {
            for (int64_t pixel = 0; pixel < pixels; pixel++)
                STORE(out + pixel * channels, scale * GRADIENT(pixel) + (slope * IN(pixel) + constant));
            continue;
        }
        for (int64_t row = 0; row < a->rows; row += 2)
            for (int64_t column = 0; column < columns; column += 2, pooled += channels) {
                int64_t at = (row * columns + column) * channels;
                OF_TYPE(pooled_gradients)(in + at, given ? given + at : 0, LOAD(pooled), scale, shift, offsets,
                                          values, gradients);
                for (int k = 0; k < 4; k++)
                    STORE(out + at + offsets[k], scale * gradients[k] + (slope * values[k] + constant));
            }
    }
}

#undef SUM_OVER_PIXELS
#undef IN
#undef SQUARE
#undef NORMALISED
#undef ACTIVE
#undef GRADIENT
