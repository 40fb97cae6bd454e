/* Calls the kernel that a case names. */
#include "cases.h"

static void add(const case_t *given, void *const regions[REGIONS])
{
    const nasc_window_t *window = &given->window;
    const nasc_add_t parameters = {
        given->scales[0],   given->scales[1], given->scales[2], window->in_zero, given->second_zero,
        window->out_zero,   window->low,      window->high,
    };
    nasc_add(&parameters, regions[INPUT], regions[SECOND], regions[OUTPUT], given->bytes[INPUT],
             given->bytes[SECOND]);
}

static void rescale(const case_t *given, void *const regions[REGIONS])
{
    const nasc_window_t *window = &given->window;
    const nasc_rescale_t parameters = {given->scales[0], window->in_zero, window->out_zero, window->low,
                                       window->high};
    nasc_rescale(&parameters, regions[INPUT], regions[OUTPUT], given->bytes[INPUT]);
}

void run_case(const case_t *given, void *const regions[REGIONS])
{
    switch (given->operator) {
    case CONVOLVE:
        if (nasc_convolve_scratch_bytes(&given->window) != given->bytes[SCRATCH] ||
            nasc_convolve_weights_bytes(&given->window) != given->bytes[WEIGHTS]) {
            return;
        }
        nasc_convolve(&given->window, regions[INPUT], regions[WEIGHTS], regions[CHANNELS], regions[OUTPUT],
                      regions[SCRATCH]);
        break;
    case CONVOLVE_DEPTHWISE:
        if (nasc_convolve_depthwise_scratch_bytes(&given->window) != given->bytes[SCRATCH] ||
            nasc_convolve_depthwise_weights_bytes(&given->window) != given->bytes[WEIGHTS]) {
            return;
        }
        nasc_convolve_depthwise(&given->window, regions[INPUT], regions[WEIGHTS], regions[CHANNELS],
                                regions[OUTPUT], regions[SCRATCH]);
        break;
    case AVERAGE_POOL:
        nasc_average_pool(&given->window, regions[INPUT], regions[OUTPUT]);
        break;
    case ADD:
        add(given, regions);
        break;
    case RESCALE:
        rescale(given, regions);
        break;
    default:
        nasc_pad(&given->window, regions[INPUT], regions[OUTPUT]);
        break;
    }
}
