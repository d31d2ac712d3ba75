/* The steps of every frame that Python's libraries do at several times their price: shrinking its
 * planes by a whole factor, reading the faces out of YuNet's tensors, and the filter of its walkers.
 *
 * Owns: arithmetic. Never: memory of its own, a pointer kept after a call, or a check of what it is
 * given: `compiled.py` has checked. Each function has a twin in Python (`vision.resize`,
 * `inference.yunet`, `vision.motion`), which is the definition and what runs where this was not compiled.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

/* On x86-64 each hot loop is compiled three times, and the processor's best is taken at load. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address, 0, 0) /* to be read once */
#else
#define PREFETCH(address) ((void)0)
#endif

#ifndef LFR_SOURCE
#define LFR_SOURCE "unknown"
#endif

/* Which kernels.c this was compiled from. */
PUBLIC const char *lfr_source(void) { return LFR_SOURCE; }

/* ---- planes ---- */

enum { NEUTRAL = 128, WIDEST = 2048, CACHE_LINE = 64 }; /* grey's chroma byte; the widest small picture */

typedef struct {
    const uint8_t *at;
    ptrdiff_t line; /* bytes from one row to the next */
} Plane;

/* Have rows on their way from memory, past the caches in which others keep what they need again. */
static inline void fetch(const uint8_t *from, ptrdiff_t line, int rows, int bytes)
{
    for (int row = 0; row < rows; row++)
        for (int x = 0; x < bytes; x += CACHE_LINE)
            PREFETCH(from + row * line + x);
}

/* Luma: the mean of each N × N. Plain sums over the pixels of a row, for the compiler to vectorise. */
#define LUMA(N)                                                                                                        \
    FOR_EACH_PROCESSOR static void luma_##N(Plane from, int width, int height, uint8_t *restrict into, ptrdiff_t line) \
    {                                                                                                                  \
        for (int row = 0; row < height; row++) {                                                                       \
            const uint8_t *restrict in = from.at + N * row * from.line;                                                \
            uint8_t *restrict out = into + row * line;                                                                 \
            if (row + 1 < height)                                                                                      \
                fetch(in + N * from.line, from.line, N, N * width);                                                    \
            for (int x = 0; x < width; x++) {                                                                          \
                uint16_t sum = N * N / 2;                                                                              \
                for (int down = 0; down < N; down++)                                                                   \
                    for (int across = 0; across < N; across++)                                                         \
                        sum = (uint16_t)(sum + in[down * from.line + N * x + across]);                                 \
                out[x] = (uint8_t)(sum / (N * N));                                                                     \
            }                                                                                                          \
        }                                                                                                              \
    }

LUMA(2)
LUMA(3)
LUMA(4)

/* The same for N = 6 in three steps, for no compiler finds its way through 36 neighbours at once. */
FOR_EACH_PROCESSOR static void luma_6(Plane from, int width, int height, uint8_t *restrict into, ptrdiff_t line)
{
    uint16_t sums[6 * WIDEST], pairs[3 * WIDEST];
    for (int row = 0; row < height; row++) {
        const uint8_t *restrict in = from.at + 6 * row * from.line;
        uint8_t *restrict out = into + row * line;
        for (int x = 0; x < 6 * width; x++) {
            uint16_t sum = 0;
            for (int down = 0; down < 6; down++)
                sum = (uint16_t)(sum + in[down * from.line + x]);
            sums[x] = sum;
        }
        for (int x = 0; x < 3 * width; x++)
            pairs[x] = (uint16_t)(sums[2 * x] + sums[2 * x + 1]);
        for (int x = 0; x < width; x++)
            out[x] = (uint8_t)((uint16_t)(pairs[3 * x] + pairs[3 * x + 1] + pairs[3 * x + 2] + 18) / 36);
    }
}

/* Chroma: the middle one of each N × N, or the mean of the middle four; twice across and down, as
 * 4:2:0 was. Most rows are skipped, so the processor does not see by itself which come next. */
#define CHROMA(N)                                                                                                      \
    FOR_EACH_PROCESSOR static void chroma_##N(Plane from, int width, int height, uint8_t *restrict into, ptrdiff_t line) \
    {                                                                                                                  \
        for (int row = 0; row < height; row += 2) {                                                                    \
            const uint8_t *restrict low = from.at + (N * (row / 2) + N / 2) * from.line + N / 2;                       \
            const uint8_t *restrict high = low - (N % 2 ? 0 : from.line + 1);                                          \
            uint8_t *restrict out = into + row * line, *restrict again = out + line;                                   \
            if (row + 4 < height)                                                                                      \
                fetch(high + 2 * N * from.line, from.line, 2 - N % 2, N * width / 2);                                  \
            for (int x = 0; x < width / 2; x++) {                                                                      \
                int sum = high[N * x] + high[N * x + (N + 1) % 2] + low[N * x] + low[N * x - (N + 1) % 2];             \
                out[2 * x] = out[2 * x + 1] = again[2 * x] = again[2 * x + 1] = (uint8_t)((sum + 2) / 4);              \
            }                                                                                                          \
        }                                                                                                              \
    }

CHROMA(2)
CHROMA(3)
CHROMA(4)
CHROMA(6)

typedef void Shrink(Plane from, int width, int height, uint8_t *restrict into, ptrdiff_t line);
static Shrink *const LUMAS[] = {NULL, NULL, luma_2, luma_3, luma_4, NULL, luma_6};
static Shrink *const CHROMAS[] = {NULL, NULL, chroma_2, chroma_3, chroma_4, NULL, chroma_6};

/* What the picture leaves of its canvas, at the right and below. */
static void pad(uint8_t *into, int width, int height, ptrdiff_t line, ptrdiff_t rows, uint8_t with)
{
    if (width < line)
        for (int row = 0; row < height; row++)
            memset(into + row * line + width, with, (size_t)(line - width));
    memset(into + height * line, with, (size_t)((rows - height) * line));
}

/* Y, U and V of factor·width × factor·height into the top left of three planes of `line` × `rows`;
 * the rest becomes `black`. factor: 2, 3, 4 or 6; width, at most WIDEST, and height: even. */
PUBLIC void lfr_shrink(const uint8_t *y, ptrdiff_t y_line, const uint8_t *u, ptrdiff_t u_line, const uint8_t *v,
                       ptrdiff_t v_line, int factor, int width, int height, uint8_t *into, ptrdiff_t line,
                       ptrdiff_t rows, uint8_t black)
{
    uint8_t *into_u = into + line * rows, *into_v = into_u + line * rows;
    LUMAS[factor]((Plane){y, y_line}, width, height, into, line);
    CHROMAS[factor]((Plane){u, u_line}, width, height, into_u, line);
    CHROMAS[factor]((Plane){v, v_line}, width, height, into_v, line);
    pad(into, width, height, line, rows, black);
    pad(into_u, width, height, line, rows, NEUTRAL);
    pad(into_v, width, height, line, rows, NEUTRAL);
}

/* ---- faces ---- */

enum { MOST_LIKELY = 1024, MOST_CANDIDATES = 512, LANDMARKS = 5, BLOCK = 16, MOST_LOG_SIZE = 8 };
enum { FACE_FLOATS = 4 + 1 + 2 * LANDMARKS }; /* x0 y0 x1 y1, score, x y of each landmark */

typedef struct {
    float score;
    int cell;
} Candidate;

/* Cells whose class · objectness reaches `floor`; more than MOST_LIKELY are counted, not written. */
FOR_EACH_PROCESSOR static int likely_cells(const float *classes, const float *objects, int cells, float floor, int *into)
{
    int found = 0;
    for (int first = 0; first < cells; first += BLOCK) {
        int count = cells - first < BLOCK ? cells - first : BLOCK, any = 0;
        if (count == BLOCK) /* without branches: nearly every block holds none */
            for (int i = first; i < first + BLOCK; i++)
                any |= classes[i] * objects[i] >= floor;
        if (count < BLOCK || any)
            for (int i = first; i < first + count; i++)
                if (classes[i] * objects[i] >= floor) {
                    if (found < MOST_LIKELY)
                        into[found] = i;
                    found++;
                }
    }
    return found;
}

static int best_first(const void *left, const void *right)
{
    const Candidate *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->cell - b->cell; /* equal scores keep their order */
}

/* Where a cell lies: its column and row, and the stride of its level. */
static void locate(int cell, int width, int height, float *column, float *row, float *stride)
{
    int step = 8;
    while (cell >= (width / step) * (height / step) && step < 32) {
        cell -= (width / step) * (height / step);
        step *= 2;
    }
    *column = (float)(cell % (width / step));
    *row = (float)(cell / (width / step));
    *stride = (float)step;
}

static float shared_side(float low, float high, float other_low, float other_high)
{
    float side = fminf(high, other_high) - fmaxf(low, other_low);
    return side > 0 ? side : 0;
}

static float area_of(const float *box)
{
    return shared_side(box[0], box[2], box[0], box[2]) * shared_side(box[1], box[3], box[1], box[3]);
}

/* Intersection over union above `most`, without the division. */
static int overlap(const float *a, const float *b, float most)
{
    float shared = shared_side(a[0], a[2], b[0], b[2]) * shared_side(a[1], a[3], b[1], b[3]);
    return shared * ((1 + most) / most) > area_of(a) + area_of(b);
}

static float half_side(float log_size, float stride)
{
    return expf(log_size > MOST_LOG_SIZE ? MOST_LOG_SIZE : log_size) * (stride * 0.5f);
}

static void scale(float *face, float across, float down)
{
    for (int x = 0; x < FACE_FLOATS; x += x == 2 ? 3 : 2) { /* over the score */
        face[x] *= across;
        face[x + 1] *= down;
    }
}

/* Faces in source pixels, `across` × `down` of which are one of the network's, best first,
 * FACE_FLOATS each: their number, or -1 where more cells are likely than fit here. */
PUBLIC int lfr_yunet_faces(const float *classes, const float *objects, const float *sides, const float *points,
                           int width, int height, float across, float down, float min_score, float max_overlap,
                           int max_faces, float *faces)
{
    int cells = 0, likely[MOST_LIKELY], candidates = 0, kept = 0;
    Candidate best[MOST_LIKELY];
    for (int step = 8; step <= 32; step *= 2)
        cells += (width / step) * (height / step);
    int found = likely_cells(classes, objects, cells, min_score * min_score, likely);
    if (found > MOST_LIKELY)
        return -1;
    for (int i = 0; i < found; i++) {
        float score = sqrtf(fminf(classes[likely[i]], 1) * fminf(objects[likely[i]], 1));
        if (score >= min_score)
            best[candidates++] = (Candidate){score, likely[i]};
    }
    qsort(best, (size_t)candidates, sizeof *best, best_first);
    if (candidates > MOST_CANDIDATES)
        candidates = MOST_CANDIDATES;
    for (int i = 0; i < candidates && kept < max_faces; i++) {
        float column, row, stride, *face = faces + FACE_FLOATS * kept;
        const float *side = sides + 4 * best[i].cell, *point = points + 2 * LANDMARKS * best[i].cell;
        locate(best[i].cell, width, height, &column, &row, &stride);
        float x = (column + side[0]) * stride, y = (row + side[1]) * stride;
        float half_width = half_side(side[2], stride), half_height = half_side(side[3], stride);
        face[0] = x - half_width, face[1] = y - half_height, face[2] = x + half_width, face[3] = y + half_height;
        int other = 0;
        while (other < kept && !overlap(faces + FACE_FLOATS * other, face, max_overlap))
            other++;
        if (other < kept)
            continue;
        face[4] = best[i].score;
        for (int mark = 0; mark < LANDMARKS; mark++) {
            face[5 + 2 * mark] = (column + point[2 * mark]) * stride;
            face[6 + 2 * mark] = (row + point[2 * mark + 1]) * stride;
        }
        kept++;
    }
    for (int i = 0; i < kept; i++)
        scale(faces + FACE_FLOATS * i, across, down);
    return kept;
}

/* ---- motion ---- */

enum { MEAN, RATE, VAR, COV, RATE_VAR, COLUMNS = 3, SIZE = 2 }; /* rows and columns of `vision.motion` */

/* What is known of one walker in one column. */
static double *of(double *state, ptrdiff_t walkers, int row, ptrdiff_t walker, int column)
{
    return state + (row * walkers + walker) * COLUMNS + column;
}

/* Every walker `dt` seconds on; growth fades to `fading` of itself. */
PUBLIC void lfr_motion_advance(double *state, ptrdiff_t walkers, double dt, const double *density, double fading)
{
    for (ptrdiff_t walker = 0; walker < walkers; walker++)
        for (int x = 0; x < COLUMNS; x++) {
            double *mean = of(state, walkers, MEAN, walker, x), *rate = of(state, walkers, RATE, walker, x);
            double *var = of(state, walkers, VAR, walker, x), *cov = of(state, walkers, COV, walker, x);
            double *rate_var = of(state, walkers, RATE_VAR, walker, x);
            *mean += dt * *rate;
            *var += 2 * dt * *cov + dt * dt * *rate_var + density[x] * (dt * dt * dt / 3);
            *cov += dt * *rate_var + density[x] * (dt * dt / 2);
            *rate_var += density[x] * dt;
            if (x == SIZE)
                *rate *= fading;
        }
}

/* Cost of pairing each walker with each face (x, y, log size), and which may pair, both walkers ×
 * faces. weights: of a distance in sizes and of a growth; limits: of a distance in standard
 * deviations and in sizes, and of a growth. */
PUBLIC void lfr_motion_costs(double *state, ptrdiff_t walkers, const double *faces, ptrdiff_t count, double noise,
                             const double *weights, const double *limits, double *costs, uint8_t *possible)
{
    for (ptrdiff_t walker = 0; walker < walkers; walker++) {
        double reach = limits[0] * sqrt(*of(state, walkers, VAR, walker, 0) + noise);
        const double *mean = of(state, walkers, MEAN, walker, 0);
        if (reach > limits[1])
            reach = limits[1];
        for (ptrdiff_t face = 0; face < count; face++) {
            const double *to = faces + face * COLUMNS;
            double x = to[0] - mean[0], y = to[1] - mean[1], growth = fabs(to[SIZE] - mean[SIZE]);
            double distance = sqrt((x * x + y * y) / exp(mean[SIZE] + to[SIZE]));
            costs[walker * count + face] = distance * weights[0] + growth * weights[1];
            possible[walker * count + face] = distance <= reach && growth <= limits[2];
        }
    }
}

/* Each of `rows` by its face, a faint one's noise `more` times as large; -1, and nothing done, where
 * there is no such row. */
PUBLIC int lfr_motion_correct(double *state, ptrdiff_t walkers, const int64_t *rows, const double *faces,
                              const uint8_t *faint, ptrdiff_t count, const double *noise, double more)
{
    for (ptrdiff_t face = 0; face < count; face++)
        if (rows[face] < 0 || rows[face] >= walkers)
            return -1;
    for (ptrdiff_t face = 0; face < count; face++)
        for (int x = 0; x < COLUMNS; x++) {
            ptrdiff_t walker = rows[face];
            double *mean = of(state, walkers, MEAN, walker, x), *rate = of(state, walkers, RATE, walker, x);
            double *var = of(state, walkers, VAR, walker, x), *cov = of(state, walkers, COV, walker, x);
            double spread = *var + noise[x] * (faint[face] ? more : 1);
            double gain = *var / spread, rate_gain = *cov / spread;
            double surprise = faces[face * COLUMNS + x] - *mean;
            *mean += gain * surprise;
            *rate += rate_gain * surprise;
            *of(state, walkers, RATE_VAR, walker, x) -= rate_gain * *cov;
            *var *= 1 - gain;
            *cov *= 1 - gain;
        }
    return 0;
}
