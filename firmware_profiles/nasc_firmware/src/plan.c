/* Reading and checking a plan. Everything that a kernel relies on is checked here, once, before anything runs: offsets
 * by subtraction (they may be near 2^32), products in 64 bits, sizes of packed weights and scratch by what the linked
 * kernel set says it reads and writes. */
#include "plan.h"

#include <stddef.h>

#include "digest/crc.h"
#include "status.h"
#include "words.h"

enum {
    HEADER_VERSION = 4,
    HEADER_PACKING = 6,
    HEADER_LENGTH = 8,
    HEADER_CRC = 12,
    HEADER_OPERATORS = 16,
    HEADER_OPERATORS_AT = 20,
    HEADER_NAMES = 24,
    HEADER_NAMES_BYTES = 28,
    HEADER_ARENA = 32,
    HEADER_INPUT = 36,
    HEADER_INPUT_BYTES = 40,
    HEADER_OUTPUT = 44,
    HEADER_OUTPUT_BYTES = 48,
    HEADER_GOLDEN_SEED = 52,
    HEADER_GOLDEN_CRC = 56,
    ALIGNMENT = 16,
    FLAG_CONSTANT = 1,
    MOST_BYTES = 0x10000000,
    MOST_STEPS = 0x10000000 /* of a plan; more than seconds of a fast core: nobody waits for that */
};

/* A piece of the arena; last is one past its end. */
typedef struct {
    uint64_t first, last;
} extent_t;

static bool inside(uint32_t at, uint64_t count, uint32_t end)
{
    return at <= end && count <= end - at;
}

static bool overlap(extent_t a, extent_t b)
{
    return a.first < b.last && b.first < a.last;
}

static extent_t extent(uint32_t at, uint64_t count)
{
    extent_t piece = {at, at + count};
    return piece;
}

static void scale_of(nasc_scale_t *scale, const uint8_t *bytes)
{
    int32_t shift = (int32_t)nasc_u32(bytes + 4);
    scale->multiplier = (int32_t)nasc_u32(bytes);
    scale->left = shift > 0 ? shift : 0;
    scale->right = shift < 0 ? -(int32_t)(shift < -64 ? -64 : shift) : 0;
}

static void window_of(nasc_window_t *window, const uint8_t *bytes)
{
    window->in_height = nasc_u16(bytes);
    window->in_width = nasc_u16(bytes + 2);
    window->in_channels = nasc_u16(bytes + 4);
    window->out_height = nasc_u16(bytes + 6);
    window->out_width = nasc_u16(bytes + 8);
    window->out_channels = nasc_u16(bytes + 10);
    window->kernel_height = bytes[12];
    window->kernel_width = bytes[13];
    window->stride_height = bytes[14];
    window->stride_width = bytes[15];
    window->pad_top = bytes[16];
    window->pad_left = bytes[17];
}

static bool moves_a_window(nasc_code_t code)
{
    return code == NASC_CONVOLVE || code == NASC_CONVOLVE_DEPTHWISE || code == NASC_AVERAGE_POOL || code == NASC_PAD;
}

static uint64_t input_count(const nasc_operator_t *op)
{
    const nasc_window_t *window = &op->window;
    if (!moves_a_window(op->code)) {
        return op->count;
    }
    return (uint64_t)window->in_height * window->in_width * window->in_channels;
}

static uint64_t output_count(const nasc_operator_t *op)
{
    const nasc_window_t *window = &op->window;
    if (!moves_a_window(op->code)) {
        return op->count;
    }
    return (uint64_t)window->out_height * window->out_width * window->out_channels;
}

const char *nasc_plan_fault_text(nasc_plan_fault_t fault)
{
    static const char *const texts[] = {
        [NASC_PLAN_FINE] = "",
        [NASC_PLAN_TOO_SHORT] = "too short",
        [NASC_PLAN_NOT_ONE] = "not a plan",
        [NASC_PLAN_VERSION_UNKNOWN] = "version",
        [NASC_PLAN_LENGTH] = "length",
        [NASC_PLAN_CHECKSUM] = "checksum",
        [NASC_PLAN_PACKING] = "kernel set",
        [NASC_PLAN_ARENA] = "arena",
        [NASC_PLAN_TABLES] = "tables",
        [NASC_PLAN_CODE] = "operator",
        [NASC_PLAN_SHAPE] = "shape",
        [NASC_PLAN_TENSOR] = "tensor",
        [NASC_PLAN_CONSTANT] = "weights",
        [NASC_PLAN_SCALE] = "scale",
        [NASC_PLAN_NAME] = "name",
        [NASC_PLAN_WORK] = "too much work",
    };
    return texts[fault];
}

void nasc_plan_operator(const nasc_plan_t *plan, uint32_t index, nasc_operator_t *op)
{
    static const nasc_operator_t nothing;
    const uint8_t *bytes = plan->bytes + NASC_PLAN_HEADER + index * (uint32_t)NASC_PLAN_OPERATOR;
    *op = nothing;
    op->code = (nasc_code_t)bytes[0];
    op->second_is_constant = (bytes[1] & FLAG_CONSTANT) != 0;
    op->window.low = (int8_t)bytes[2];
    op->window.high = (int8_t)bytes[3];
    op->window.in_zero = (int8_t)bytes[4];
    op->window.out_zero = (int8_t)bytes[5];
    op->second_zero = (int8_t)bytes[6];
    op->name = (const char *)plan->bytes + plan->names + nasc_u32(bytes + 8);
    op->input = nasc_u32(bytes + 12);
    op->output = nasc_u32(bytes + 16);
    bytes += 20;
    if (moves_a_window(op->code)) {
        window_of(&op->window, bytes);
        op->weights = nasc_u32(bytes + 20);
        op->weights_bytes = nasc_u32(bytes + 24);
        op->channels = nasc_u32(bytes + 28);
        op->scratch = nasc_u32(bytes + 32);
        op->scratch_bytes = nasc_u32(bytes + 36);
        return;
    }
    op->count = nasc_u32(bytes);
    op->second = nasc_u32(bytes + 4);
    op->second_count = nasc_u32(bytes + 8);
    for (uint32_t place = 0; place < 3; place++) {
        scale_of(&op->scales[place], bytes + 12 + 8 * place);
    }
}

/* One direction of a window: every position starts before the input's end and ends after its start, so that no window
 * lies in the padding alone, and coordinates stay small. */
static bool reaches(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t pad)
{
    uint32_t last = (out - 1) * stride;
    return in > 0 && out > 0 && kernel > 0 && stride > 0 && pad < kernel && last < in + pad &&
           last + kernel < in + 2 * kernel + pad;
}

/* Input values that are looked at for all of the output. */
static uint64_t steps_of(const nasc_operator_t *op)
{
    const nasc_window_t *window = &op->window;
    if (!moves_a_window(op->code) || op->code == NASC_PAD) {
        return output_count(op);
    }
    uint64_t each = (uint64_t)window->kernel_height * window->kernel_width;
    return output_count(op) * each * (op->code == NASC_CONVOLVE ? window->in_channels : 1u);
}

static bool pads(uint32_t in, uint32_t out, uint32_t before)
{
    return in > 0 && out >= in && before <= out - in;
}

static bool shape_fits(const nasc_operator_t *op)
{
    const nasc_window_t *window = &op->window;
    if (!moves_a_window(op->code)) {
        return op->count > 0 && op->count < MOST_BYTES;
    }
    if (window->in_channels == 0 || window->out_channels == 0 || input_count(op) >= MOST_BYTES ||
        output_count(op) >= MOST_BYTES) {
        return false;
    }
    if (op->code != NASC_CONVOLVE && window->in_channels != window->out_channels) {
        return false;
    }
    if (op->code == NASC_PAD) {
        return pads(window->in_height, window->out_height, window->pad_top) &&
               pads(window->in_width, window->out_width, window->pad_left);
    }
    return reaches(window->in_height, window->out_height, window->kernel_height, window->stride_height,
                   window->pad_top) &&
           reaches(window->in_width, window->out_width, window->kernel_width, window->stride_width, window->pad_left);
}

static bool scale_fits(const nasc_scale_t *scale)
{
    return scale->multiplier >= 0 && scale->left >= 0 && scale->left <= 30 && scale->right >= 0 && scale->right <= 31 &&
           (scale->left == 0 || scale->right == 0);
}

/* Sums stay below 2^30 where the host kept its promise; where it did not, they wrap, and only values are wrong. */
static bool channels_fit(const nasc_plan_t *plan, const nasc_operator_t *op)
{
    for (uint32_t channel = 0; channel < op->window.out_channels; channel++) {
        const uint8_t *bytes = plan->bytes + op->channels + channel * (uint32_t)sizeof(nasc_channel_t);
        nasc_scale_t scale;
        scale.multiplier = (int32_t)nasc_u32(bytes + 4);
        scale.left = (int32_t)nasc_u32(bytes + 8);
        scale.right = (int32_t)nasc_u32(bytes + 12);
        if (!scale_fits(&scale)) {
            return false;
        }
    }
    return true;
}

static nasc_plan_fault_t check_constants(const nasc_plan_t *plan, const nasc_operator_t *op)
{
    const nasc_window_t *window = &op->window;
    uint64_t weights = 0, scratch = 0;
    if (op->code == NASC_CONVOLVE) {
        weights = nasc_convolve_weights_bytes(window);
        scratch = nasc_convolve_scratch_bytes(window);
    } else if (op->code == NASC_CONVOLVE_DEPTHWISE) {
        weights = nasc_convolve_depthwise_weights_bytes(window);
        scratch = nasc_convolve_depthwise_scratch_bytes(window);
    } else {
        return NASC_PLAN_FINE;
    }
    if (op->weights_bytes != weights || op->scratch_bytes < scratch || op->weights % 4 || op->channels % 4 ||
        !inside(op->weights, weights, plan->length) ||
        !inside(op->channels, (uint64_t)window->out_channels * sizeof(nasc_channel_t), plan->length)) {
        return NASC_PLAN_CONSTANT;
    }
    return channels_fit(plan, op) ? NASC_PLAN_FINE : NASC_PLAN_SCALE;
}

static nasc_plan_fault_t check_second(const nasc_plan_t *plan, const nasc_operator_t *op)
{
    if (op->second_count != op->count && op->second_count != 1) {
        return NASC_PLAN_SHAPE;
    }
    if (op->second_is_constant) {
        return inside(op->second, op->second_count, plan->length) ? NASC_PLAN_FINE : NASC_PLAN_CONSTANT;
    }
    if (op->second % ALIGNMENT || !inside(op->second, op->second_count, plan->arena_bytes) ||
        overlap(extent(op->second, op->second_count), extent(op->output, op->count))) {
        return NASC_PLAN_TENSOR;
    }
    return NASC_PLAN_FINE;
}

static nasc_plan_fault_t check_elements(const nasc_plan_t *plan, const nasc_operator_t *op)
{
    uint32_t scales = op->code == NASC_ADD ? 3 : op->code == NASC_RESCALE ? 1 : 0;
    for (uint32_t place = 0; place < scales; place++) {
        if (!scale_fits(&op->scales[place])) {
            return NASC_PLAN_SCALE;
        }
    }
    return op->code == NASC_ADD ? check_second(plan, op) : NASC_PLAN_FINE;
}

static nasc_plan_fault_t check_tensors(const nasc_plan_t *plan, const nasc_operator_t *op)
{
    uint64_t in = input_count(op), out = output_count(op);
    extent_t output = extent(op->output, out), scratch = extent(op->scratch, op->scratch_bytes);
    if (op->input % ALIGNMENT || op->output % ALIGNMENT || op->scratch % ALIGNMENT ||
        !inside(op->input, in, plan->arena_bytes) || !inside(op->output, out, plan->arena_bytes) ||
        !inside(op->scratch, op->scratch_bytes, plan->arena_bytes) || overlap(extent(op->input, in), output) ||
        (op->scratch_bytes && (overlap(scratch, output) || overlap(scratch, extent(op->input, in))))) {
        return NASC_PLAN_TENSOR;
    }
    return NASC_PLAN_FINE;
}

/* Adds what the operator asks for to *steps. */
static nasc_plan_fault_t check_operator(const nasc_plan_t *plan, uint32_t index, uint64_t *steps)
{
    nasc_operator_t op;
    nasc_plan_fault_t fault;
    nasc_plan_operator(plan, index, &op);
    if (op.code < NASC_CONVOLVE || op.code > NASC_COPY) {
        return NASC_PLAN_CODE;
    }
    if (nasc_u32(plan->bytes + NASC_PLAN_HEADER + index * (uint32_t)NASC_PLAN_OPERATOR + 8) >= plan->names_bytes) {
        return NASC_PLAN_NAME;
    }
    if (!shape_fits(&op)) {
        return NASC_PLAN_SHAPE;
    }
    *steps += steps_of(&op);
    if (*steps >= MOST_STEPS) {
        return NASC_PLAN_WORK;
    }
    fault = check_tensors(plan, &op);
    if (fault == NASC_PLAN_FINE) {
        fault = moves_a_window(op.code) ? check_constants(plan, &op) : check_elements(plan, &op);
    }
    return fault;
}

static nasc_plan_fault_t check_header(const uint8_t *bytes, uint32_t length)
{
    if (length < NASC_PLAN_HEADER) {
        return NASC_PLAN_TOO_SHORT;
    }
    if (bytes[0] != 'N' || bytes[1] != 'S' || bytes[2] != 'C' || bytes[3] != 'P') {
        return NASC_PLAN_NOT_ONE;
    }
    if (nasc_u16(bytes + HEADER_VERSION) != NASC_PLAN_VERSION) {
        return NASC_PLAN_VERSION_UNKNOWN;
    }
    if (nasc_u32(bytes + HEADER_LENGTH) != length || length >= MOST_BYTES) {
        return NASC_PLAN_LENGTH;
    }
    if (nasc_u32(bytes + HEADER_CRC) != nasc_crc32(0, bytes + HEADER_OPERATORS, length - HEADER_OPERATORS)) {
        return NASC_PLAN_CHECKSUM;
    }
    return nasc_u16(bytes + HEADER_PACKING) == nasc_kernels_packing ? NASC_PLAN_FINE : NASC_PLAN_PACKING;
}

static nasc_plan_fault_t check_tables(const nasc_plan_t *plan)
{
    if (plan->operators == 0 || plan->operators > NASC_MOST_OPERATORS ||
        nasc_u32(plan->bytes + HEADER_OPERATORS_AT) != NASC_PLAN_HEADER ||
        !inside(NASC_PLAN_HEADER, (uint64_t)plan->operators * NASC_PLAN_OPERATOR, plan->length) ||
        !inside(plan->names, plan->names_bytes, plan->length) || plan->names_bytes == 0 ||
        plan->bytes[plan->names + plan->names_bytes - 1] != 0) {
        return NASC_PLAN_TABLES;
    }
    if (plan->input % ALIGNMENT || plan->output % ALIGNMENT || plan->input_bytes == 0 || plan->output_bytes == 0 ||
        !inside(plan->input, plan->input_bytes, plan->arena_bytes) ||
        !inside(plan->output, plan->output_bytes, plan->arena_bytes)) {
        return NASC_PLAN_TENSOR;
    }
    return NASC_PLAN_FINE;
}

nasc_plan_fault_t nasc_plan_open(nasc_plan_t *plan, const uint8_t *bytes, uint32_t length, uint32_t arena_bytes)
{
    nasc_plan_fault_t fault = check_header(bytes, length);
    uint64_t steps = 0;
    if (fault != NASC_PLAN_FINE) {
        return fault;
    }
    plan->bytes = bytes;
    plan->length = length;
    plan->crc32 = nasc_u32(bytes + HEADER_CRC);
    plan->operators = nasc_u32(bytes + HEADER_OPERATORS);
    plan->arena_bytes = nasc_u32(bytes + HEADER_ARENA);
    plan->input = nasc_u32(bytes + HEADER_INPUT);
    plan->input_bytes = nasc_u32(bytes + HEADER_INPUT_BYTES);
    plan->output = nasc_u32(bytes + HEADER_OUTPUT);
    plan->output_bytes = nasc_u32(bytes + HEADER_OUTPUT_BYTES);
    plan->golden_seed = nasc_u32(bytes + HEADER_GOLDEN_SEED);
    plan->golden_crc32 = nasc_u32(bytes + HEADER_GOLDEN_CRC);
    plan->names = nasc_u32(bytes + HEADER_NAMES);
    plan->names_bytes = nasc_u32(bytes + HEADER_NAMES_BYTES);
    if (plan->arena_bytes > arena_bytes) {
        return NASC_PLAN_ARENA;
    }
    fault = check_tables(plan);
    for (uint32_t index = 0; fault == NASC_PLAN_FINE && index < plan->operators; index++) {
        fault = check_operator(plan, index, &steps);
    }
    return fault;
}
