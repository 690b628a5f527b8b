/*
 * mkcard: make the keys and certificates of a simulated card, once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/pki.h"

static int usage(void)
{
    fputs("usage: mkcard [--ca DIR] [--idnat ID] [--family NAME] "
          "[--given NAME]\n"
          "              [--title TEXT] [--extra BYTES] DIR\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct pki_holder holder = pki_holder_default;
    const char *ca_dir = NULL;
    int i;

    for (i = 1; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        const char *value = argv[i + 1];

        if (strcmp(argv[i], "--ca") == 0)
            ca_dir = value;
        else if (strcmp(argv[i], "--idnat") == 0)
            holder.idnat = value;
        else if (strcmp(argv[i], "--family") == 0)
            holder.family = value;
        else if (strcmp(argv[i], "--given") == 0)
            holder.given = value;
        else if (strcmp(argv[i], "--title") == 0)
            holder.title = value;
        else if (strcmp(argv[i], "--extra") == 0)
            holder.extra = (size_t)strtoul(value, NULL, 10);
        else
            return usage();
    }
    if (i + 1 != argc)
        return usage();
    if (pki_make(argv[i], ca_dir, &holder) < 0) {
        fprintf(stderr, "mkcard: %s\n", card_error_sentence());
        return 1;
    }
    return 0;
}
