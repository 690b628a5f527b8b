/*
 * replay_as TRANSCRIPT list | verify | sign FILE: do with a recorded card what
 * `tessera list`, `tessera pin verify` and `openssl dgst -sha256 -sign` did
 * with the real one, with a cache where they had it. Success: each command was
 * in the transcript, and all of it was sent.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "card/admin.h"
#include "card/base/cache.h"
#include "tests/replay/reader_replay.h"

/* PINs are masked: any is right. */
#define PIN "0000"

enum { PATIENCE_MS = 500, FILE_MAX = 4096 };

static int do_list(struct card_context *ctx)
{
    struct card_set set;
    int rc = card_open_all(ctx, "Replay", PATIENCE_MS, CARD_READ_OBJECTS, &set);

    card_set_free(&set);
    return rc;
}

static int do_verify(struct card_context *ctx)
{
    struct card_try how = {.told = CARD_TRIES_UNKNOWN};
    struct card_pin_result result;
    struct card_set set;
    size_t pin;
    int rc = card_open_all(ctx, "Replay", 0, CARD_READ_OBJECTS | CARD_READ_PINS,
                           &set);

    if (rc < 0)
        return rc;
    if (!card_main_pin(set.cards[0], &pin))
        rc = card_fail(CARD_E_NOT_FOUND, "no PIN");
    if (rc == 0)
        rc = card_verify_pin(set.cards[0], pin, bytes_of_string(PIN), &how,
                             false, &result);
    if (rc == 0)
        rc = card_read(set.cards[0], CARD_READ_PINS);
    card_set_free(&set);
    return rc;
}

static bool hash_file(const char *path, struct card_tbs *tbs)
{
    uint8_t content[FILE_MAX];
    FILE *file = fopen(path, "r");
    unsigned len = 0;
    size_t size;

    if (file == NULL)
        return false;
    size = fread(content, 1, sizeof(content), file);
    fclose(file);
    tbs->hash = CARD_HASH_SHA256;
    if (EVP_Digest(content, size, tbs->value, &len, EVP_sha256(), NULL) != 1)
        return false;
    tbs->len = len;
    return true;
}

static int do_sign(struct card_context *ctx, const char *path)
{
    struct card_tbs tbs = {.padding = CARD_PAD_PKCS1};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;
    int rc;

    if (!hash_file(path, &tbs))
        return card_fail(CARD_E_ARGUMENT, "%s cannot be read", path);
    if ((rc = card_uri_parse("card://usage=auth", &uri)) < 0 ||
        (rc = card_search_new(ctx, &uri, CARD_KIND_PRIVATE, &search)) < 0)
        return rc;
    rc = card_search_next(search, &found);
    card_search_free(search);
    if (rc < 0)
        return rc;
    rc = card_sign(found.key, &tbs, &sig);
    card_key_free(found.key);
    return rc;
}

static int run(struct card_context *ctx, int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[2], "list") == 0)
        return do_list(ctx);
    if (argc == 3 && strcmp(argv[2], "verify") == 0)
        return do_verify(ctx);
    if (argc == 4 && strcmp(argv[2], "sign") == 0)
        return do_sign(ctx, argv[3]);
    return card_fail(CARD_E_ARGUMENT,
                     "usage: replay_as TRANSCRIPT list | verify | sign FILE");
}

int main(int argc, char **argv)
{
    struct card_settings settings = {.readers = &reader_replay};
    struct card_context *ctx = NULL;
    struct replay *transcript = NULL;
    char folder[4096];
    int rc;

    if (cache_folder(folder, sizeof(folder)))
        settings.cache = folder;
    settings.pin = secret_new(bytes_of_string(PIN));
    if ((rc = replay_new(argc > 1 ? argv[1] : "", &transcript)) == 0) {
        settings.reader_io = transcript;
        rc = card_context_new(&settings, &ctx);
    }
    if (rc == 0)
        rc = run(ctx, argc, argv);
    if (rc == 0 && !replay_is_done(transcript))
        rc = card_fail(CARD_E_COMM, "the transcript goes on");
    if (rc < 0)
        fprintf(stderr, "replay_as: %s\n", card_error_sentence());
    card_context_free(ctx);
    replay_free(transcript);
    secret_free(settings.pin);
    return rc < 0;
}
