/*
 * A target without libFuzzer: each file of a folder through it, once. So the
 * seeds are tests wherever the tree is built, under every sanitizer.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

enum { SEED_MAX = 1 << 20 };

static void fail(const char *path)
{
    perror(path);
    exit(1);
}

/* From a block of its own length: a byte too far is seen by sanitizers. */
static void run_seed(const char *path)
{
    static uint8_t whole[SEED_MAX];
    FILE *file = fopen(path, "rb");
    struct buf seed;
    size_t len;

    if (file == NULL)
        fail(path);
    len = fread(whole, 1, sizeof(whole), file);
    if (ferror(file) || buf_new(&seed, len) < 0 ||
        buf_put(&seed, bytes_from(whole, len)) < 0)
        fail(path);
    fclose(file);
    LLVMFuzzerTestOneInput(seed.data, seed.len);
    buf_free(&seed);
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    const struct dirent *entry;
    char path[4096];
    unsigned count = 0;

    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        run_seed(path);
        count++;
    }
    closedir(folder);
    printf("%u seeds\n", count);
    return count > 0 ? 0 : 1;
}
