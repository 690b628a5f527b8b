/*
 * p11_life growth SIGNATURES LOADS URI PUBLIC: by how many KiB the process has
 * grown after so many signatures, and after so many loads of the key, each
 * counted from a tenth of them on; and that it has as many descriptors open as
 * before.
 *
 * p11_life once URI PUBLIC: load, sign and free in a library context of its
 * own, which is freed too: for memory checkers.
 */
#include "tests/e2e/life.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

static const char *const *words; /* URI, PUBLIC */
static struct life_key key;

static long resident_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

static bool sign(unsigned long number)
{
    return life_sign_and_verify(&key, number);
}

static bool load(unsigned long number)
{
    struct life_key again;
    bool ok = life_load(&again, NULL, words[0], words[1])
              && life_sign_and_verify(&again, number);

    life_free(&again);
    return ok;
}

static bool grow(const char *what, unsigned long times,
                 bool (*act)(unsigned long number))
{
    long before = 0;
    int open_before = 0;

    for (unsigned long i = 0; i < times; i++) {
        if (i == times / 10) {
            before = resident_kib();
            open_before = descriptors();
        }
        if (!act(i))
            return false;
    }
    printf("%s %ld\n", what, resident_kib() - before);
    return descriptors() == open_before
           || life_failed("descriptors were left open");
}

/* Loads first without a key at hand, when nothing holds the token open. */
static bool growth(int argc, char **argv)
{
    unsigned long signatures = strtoul(argv[0], NULL, 10);
    unsigned long loads = strtoul(argv[1], NULL, 10);
    bool ok;

    (void)argc;
    words = (const char *const *)(argv + 2);
    ok = grow("loads", loads, load)
         && life_load(&key, NULL, words[0], words[1])
         && grow("loads_beside_a_key", loads, load)
         && grow("signatures", signatures, sign);
    life_free(&key);
    return ok;
}

static bool once(int argc, char **argv)
{
    OSSL_LIB_CTX *libctx = life_context();
    bool ok = life_load(&key, libctx, argv[0], argv[1])
              && life_sign_and_verify(&key, 1);

    (void)argc;
    life_free(&key);
    OSSL_LIB_CTX_free(libctx);
    return ok;
}

const struct life_command life_growth_commands[] = {{"growth", 4, growth},
                                                    {"once", 2, once},
                                                    {NULL, 0, NULL}};
