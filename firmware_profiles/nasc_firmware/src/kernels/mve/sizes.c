#include "../sizes.h"

uint64_t nasc_convolve_weights_bytes(const nasc_window_t *window) {
    return window->out_channels * nasc_steps(window);
}

uint64_t nasc_convolve_scratch_bytes(const nasc_window_t *window) {
    return nasc_is_contiguous(window) ? 0 : nasc_pixels(window) * nasc_steps(window);
}

uint64_t nasc_convolve_depthwise_weights_bytes(const nasc_window_t *window) {
    return nasc_steps(window);
}

uint64_t nasc_convolve_depthwise_scratch_bytes(const nasc_window_t *window) {
    return nasc_stays_inside(window) ? 0 : nasc_steps(window);
}
