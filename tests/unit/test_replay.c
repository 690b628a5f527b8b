/*
 * Recorded dialogues, replayed: what the driver sends is pinned to the byte,
 * and what the recorder writes is of use. To record anew after a change that
 * is meant: TESSERA_RECORD=FOLDER test_replay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/replay/reader_replay.h"
#include "tests/unit/card_world.h"
#include "tests/unit/fake_reader.h"

struct story {
    const char *file;
    const char *uri;
    struct cps3_options options;
};

static const struct story stories[] = {
    {"cps3_auth.apdu",     "card:usage=auth?pin-value=1234", {0}             },
    {"cps3_sign.apdu",     "card:usage=sign?pin-value=1234", {0}             },
    {"cps3_midstate.apdu", "card:usage=sign?pin-value=1234",
     {.no_finished_hash = true}                                              },
};

/* Two signatures: the first with everything, the next with what remains. */
static int sign_twice(struct card_context *ctx, const char *uri)
{
    struct card_world w = {.ctx = ctx};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_object found;
    int rc = world_find(&w, uri, CARD_KIND_PRIVATE, &found);

    if (rc < 0)
        return rc;
    rc = world_sign(found.key, "a message of more than one block, so that a "
                    "midstate goes to the cards that want one", true, &sig);
    if (rc == 0)
        rc = world_sign(found.key, "short", true, &sig);
    card_key_free(found.key);
    return rc;
}

static void record(const struct story *s, const char *path)
{
    struct card_world w;

    world_open(&w, s->options);
    w.settings.trace = path;
    world_restart(&w);
    w.settings.trace = NULL;
    assert_int_equal(sign_twice(w.ctx, s->uri), 0);
    world_close(&w);
}

static void replay(const struct story *s, const char *path)
{
    struct card_settings settings = {.readers = &reader_replay};
    struct card_context *ctx;
    struct replay *transcript;

    if (replay_new(path, &transcript) < 0)
        fail_msg("%s", card_error_sentence());
    settings.reader_io = transcript;
    assert_int_equal(card_context_new(&settings, &ctx), 0);
    if (sign_twice(ctx, s->uri) != 0)
        fail_msg("%s: %s", s->file, card_error_sentence());
    assert_true(replay_is_done(transcript));
    card_context_free(ctx);
    replay_free(transcript);
}

static void path_in(char *out, size_t cap, const char *dir, const char *file)
{
    if (dir == NULL)
        fail_msg("TESSERA_REPLAY_DIR does not name the transcripts");
    snprintf(out, cap, "%s/%s", dir, file);
}

static void test_recorded_dialogues_are_repeated_to_the_byte(void **state)
{
    const char *record_to = getenv("TESSERA_RECORD");
    char path[512];

    (void)state;
    for (size_t i = 0; i < nitems(stories); i++) {
        if (record_to != NULL) {
            path_in(path, sizeof(path), record_to, stories[i].file);
            unlink(path);
            record(&stories[i], path);
        } else {
            path_in(path, sizeof(path), getenv("TESSERA_REPLAY_DIR"),
                    stories[i].file);
        }
        replay(&stories[i], path);
    }
}

static void test_transcript_holds_no_pin(void **state)
{
    static const char *const forms[] = {"31323334", "1234FF", "24123"};
    char path[] = "/tmp/tessera_replay_XXXXXX", line[8192];
    int fd = mkstemp(path);
    bool masked = false;
    FILE *f;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    record(&stories[0], path);
    assert_non_null(f = fopen(path, "r"));
    while (fgets(line, sizeof(line), f) != NULL) {
        masked = masked || strstr(line, "0020000108XX") != NULL;
        for (size_t i = 0; line[0] == '>' && i < nitems(forms); i++)
            assert_null(strstr(line, forms[i]));
    }
    fclose(f);
    unlink(path);
    assert_true(masked);
}

/* Send a command, its last byte changed by `other`. */
static int present(struct reader *r, const char *hex, uint8_t other)
{
    uint8_t command_space[64], answer_space[8];
    struct buf command = BUF_ON(command_space), answer = BUF_ON(answer_space);

    assert_int_equal(bytes_from_hex(hex, &command), 0);
    command.data[command.len - 1] ^= other;
    return r->ops->transmit(r, buf_view(&command), &answer);
}

/* Every command that presents or sets a PIN, as cards of any class want it. */
static const char *const pin_commands[] = {
    "002000010431323334",   "012000010431323334", "0C20000108FFFFFFFF31323334",
    "10240001043132333431", "002400010831323334353637383900",
    "802C0201043132333400", "842C020104FFFFFFFF", "0026000104FFFFFFFF",
    "0028000104FFFFFFFF",   "00200001000004FFFFFFFF"};

static void record_pins(const char *path)
{
    struct fake_step steps[nitems(pin_commands)];
    struct fake_card card = FAKE_CARD(steps);
    struct reader r = {.ops = &reader_trace, .name = "Fake"};
    struct reader_trace *trace;

    for (size_t i = 0; i < nitems(steps); i++)
        steps[i] = (struct fake_step){NULL, "9000"};
    assert_int_equal(reader_trace_new(&fake_reader, &card, path, &trace), 0);
    r.io = trace;
    assert_int_equal(r.ops->connect(&r), 0);
    for (size_t i = 0; i < nitems(steps); i++)
        assert_int_equal(present(&r, pin_commands[i], 0), 0);
    r.ops->disconnect(&r);
    reader_trace_free(trace);
}

/* Whatever PIN is presented, but nothing else in place of the command. */
static void test_masked_pins_are_accepted(void **state)
{
    char path[] = "/tmp/tessera_replay_XXXXXX";
    struct reader r = {.ops = &reader_replay};
    struct replay *transcript;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    record_pins(path);
    assert_int_equal(replay_new(path, &transcript), 0);
    unlink(path);
    r.io = transcript;
    assert_int_equal(r.ops->connect(&r), 0);
    for (size_t i = 0; i < nitems(pin_commands); i++) {
        assert_int_equal(present(&r, "0020000204FFFFFFFF", 0), CARD_E_COMM);
        assert_int_equal(present(&r, pin_commands[i], 0x01), 0);
    }
    assert_true(replay_is_done(transcript));
    replay_free(transcript);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_dialogues_are_repeated_to_the_byte),
        cmocka_unit_test(test_transcript_holds_no_pin),
        cmocka_unit_test(test_masked_pins_are_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
