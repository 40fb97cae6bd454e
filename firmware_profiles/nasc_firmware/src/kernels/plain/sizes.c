#include "../patch_sizes.h"
