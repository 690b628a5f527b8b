/*
 * The simulated CPS3 by itself: real cards' dialogues byte by byte, keys
 * verified by libcrypto, counters that outlive the program. TESSERA_SIM_DIR is
 * mkcard's folder; without it one is made, which takes seconds.
 */
/* mkdtemp is X/Open's. */
#define _XOPEN_SOURCE 700
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "card/base/sha.h"
#include "card/error.h"
#include "tests/sim/cps3.h"
#include "tests/sim/pki.h"
#include "tests/sim/template.h"

enum { ANSWER_MAX = 600, HEX_MAX = 2 * ANSWER_MAX + 1, MODULUS = 256 };

#define SELECT_APP "00A4040C0DE828BD080F8025000001FF0010"
#define SELECT_ROOT "00A40400088025000001FF0100"
#define VERIFY_PIN "002000010831323334FFFFFFFF"
#define VERIFY_WRONG "002000010839393939FFFFFFFF"
#define VERIFY_PUK "00200002083132333435363738"

static char made[] = "/tmp/tessera-sim-XXXXXX";
static const char *sim_dir;
static char state_path[300];

struct fixture {
    struct cps3_options options;
    struct applet *card;
};

static void card_on(struct fixture *f)
{
    assert_int_equal(cps3_new(&f->options, &f->card), 0);
}

static void card_off(struct fixture *f)
{
    if (f->card != NULL)
        f->card->ops->free(f->card);
    f->card = NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return -1;
    f->options.dir = sim_dir;
    card_on(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    card_off(f);
    free(f);
    unlink(state_path);
    return 0;
}

static void restart(struct fixture *f)
{
    card_off(f);
    card_on(f);
}

static void transmit(struct fixture *f, struct bytes command, struct buf *rsp)
{
    rsp->len = 0;
    assert_int_equal(f->card->ops->process(f->card, command, rsp), 0);
    assert_true(rsp->len >= 2);
}

/* Send hex; the answer comes as hex in `out`. */
static const char *send_hex(struct fixture *f, const char *hex,
                            char out[HEX_MAX])
{
    uint8_t command[300], answer[ANSWER_MAX];
    struct buf c = BUF_ON(command), rsp = BUF_ON(answer);

    assert_int_equal(bytes_from_hex(hex, &c), 0);
    transmit(f, buf_view(&c), &rsp);
    return bytes_to_hex(buf_view(&rsp), out, HEX_MAX);
}

static void expect(struct fixture *f, const char *command, const char *answer)
{
    char hex[HEX_MAX];

    send_hex(f, command, hex);
    if (strcmp(hex, answer) != 0)
        print_error("after %s\n", command);
    assert_string_equal(hex, answer);
}

static void open_application(struct fixture *f)
{
    expect(f, SELECT_APP, "9000");
    expect(f, VERIFY_PIN, "9000");
}

static unsigned pin_tries(const struct fixture *f)
{
    struct applet_tries tries;

    f->card->ops->tries(f->card, &tries);
    return tries.pin;
}

static unsigned puk_tries(const struct fixture *f)
{
    struct applet_tries tries;

    f->card->ops->tries(f->card, &tries);
    return tries.puk;
}

/* ---- selecting and reading, as in traces of real cards ---- */

static void test_atr_of_contact_card_is_the_real_one(void **state)
{
    struct fixture *f = *state;
    char hex[HEX_MAX];

    bytes_to_hex(f->card->ops->atr(f->card), hex, sizeof(hex));
    assert_string_equal(hex, "3BAC00402A001225006480000310009000");
}

static void test_select_and_read_as_opensc_traced(void **state)
{
    struct fixture *f = *state;

    expect(f, "00A4000C023F00", "9000");
    expect(f, "00A40904022F01", "6127");
    expect(f, "00C0000027",
           "622580020039820101830" "22F018801E8A1128C077B45FFFFFF45009C077BFF"
           "FFFFFFFF008A01059000");
    expect(f, "00B0000039",
           "804301B8460404B0ECC147039401804F088025000001FF0100E0100202010402"
           "0201040202010002020100780806062B8122F878028202" "90009000");
    expect(f, SELECT_ROOT, "9000");
    expect(f, "00A40904022F00", "6127");
    expect(f, "00C0000027",
           "622580020065820101830" "22F008801F0A1128C077B45FFFFFF45009C077BFF"
           "FFFFFFFF008A01059000");
}

static void test_select_as_vendor_software_traced(void **state)
{
    struct fixture *f = *state;

    expect(f, "00A40904043F00D003", "6127");
    expect(f, "00C0000027",
           "62258002000C82010183" "02D0038801E0A1128C077BFFFFFFFFFF009C077BFF"
           "FFFFFFFF008A01059000");
    expect(f, "00B000000C", "5A0A8025000001990027523F9000");
    expect(f, "00A40904043F00D010", "6A82");
    expect(f, "00A4090C043F000001", "9000");
    expect(f, "00A4090C023F00", "9000");
    expect(f, "00CB3FFF0A4D087006BF810102A080", "6118");
    expect(f, "00C0000018",
           "7016BF810112A0109A01039B0103A1088C06F3000013FF009000");
}

static void test_select_of_application_needs_fcp_or_no_answer(void **state)
{
    struct fixture *f = *state;

    expect(f, "00A404000DE828BD080F8025000001FF0010", "6A86");
    expect(f, "00A404040DE828BD080F8025000001FF0010", "6126");
    expect(f, SELECT_APP, "9000");
    expect(f, "00A4020002A001", "6A86");
    expect(f, "00A404000CA000000063504B43532D3135", "6A82");
}

static void test_select_by_path_without_mf_is_relative(void **state)
{
    struct fixture *f = *state;

    expect(f, SELECT_APP, "9000");
    expect(f, "00A40904022F01", "6A82");
    expect(f, "00A40904043F002F01", "6127");
    expect(f, "00A4090C063F0000017001", "9000");
    expect(f, "00A4020C027002", "9000");
    expect(f, "00A4030C", "9000");
    expect(f, "00A4020C027002", "6A82");
    expect(f, "00A4090C067F0000017001", "6A82");
}

static void test_select_at_t0_with_le_is_refused(void **state)
{
    struct fixture *f = *state;

    expect(f, "00A40904043F002F0100", "6700");
}

static void test_read_beyond_the_end_answers_6c_or_6282(void **state)
{
    struct fixture *f = *state;

    expect(f, "00A4090C043F00D003", "9000");
    expect(f, "00B00000E7", "6C0C");
    expect(f, "00B0000AE7", "6C02");
    expect(f, "00B0000CE7", "6B00");
    expect(f, "00B0009000", "6B00");
    cps3_settings(f->card)->tail = CPS3_TAIL_6282;
    expect(f, "00B00008E7", "0027523F6282");
    expect(f, "00B0000CE7", "6B00");
}

static void test_read_by_sfi_finds_files_of_the_mf(void **state)
{
    struct fixture *f = *state;

    expect(f, "00B09C00C0", "6C0C");
    expect(f, "00B09C000C", "5A0A8025000001990027523F9000");
    expect(f, "00B0000002", "5A0A9000");
    expect(f, "00B09D0002", "80439000");
    expect(f, "00B09E0001", "619000");
    expect(f, "00B09B0001", "6A82");
    expect(f, SELECT_APP, "9000");
    expect(f, "00B09C000C", "6A82");
}

static void test_read_without_a_file_answers_6986(void **state)
{
    struct fixture *f = *state;

    expect(f, "00B0000010", "6986");
}

static void test_get_response_gives_what_waits_once(void **state)
{
    struct fixture *f = *state;

    expect(f, "00A40904043F002F01", "6127");
    expect(f, "00C0000028", "6C27");
    expect(f, "00C0000002", "62256125");
    expect(f, "00B0000001", "809000");
    expect(f, "00C0000025", "6985");
}

static void test_directories_are_the_real_bytes(void **state)
{
    struct fixture *f = *state;

    expect(f, SELECT_APP, "9000");
    expect(f, "00A4020C027001", "9000");
    expect(f, "00B00000BD",
           "3061303F0C1C436F646520706F7274657572206465206C612063617274652043"
           "505303010804010230193006030205200500300603020640050030070302030804"
           "01043003040101A11930170303040C100A01010201040201080201048001010401"
           "FF"
           "305830390C22436F64652064652064C3A9626C6F63616765206465206C61206361"
           "7274652043505303010830103006030205200500300603020640050030030401"
           "04A116301403" "03041D100A01010201080201080201088001029000");
    expect(f, "00A4020C027002", "9000");
    expect(f, "00B000525B",
           "3059302A0C0C4350535F505249565F415554030205E004010130133007030200"
           "0104010130080303060040040101301F040EE828BD080F8025000001FF00100203"
           "0205600101FF030204B002020082A10A300830020400020208009000");
    expect(f, "00A4020C027005", "9000");
    expect(f, "00B0000054",
           "305230340C1B43657274696669636174206465205369676E6174757265204350"
           "530302080030113006030207800500300703020640040101"
           "3010040EE828BD080F8025000001FF001001A1083006300404027101" "9000");
}

static size_t read_file(struct fixture *f, uint8_t *data, size_t cap)
{
    uint8_t answer[ANSWER_MAX];
    struct buf rsp = BUF_ON(answer);
    size_t len = 0;

    cps3_settings(f->card)->tail = CPS3_TAIL_6282;
    for (;;) {
        const uint8_t command[] = {0x00, 0xB0, (uint8_t)(len >> 8),
                                   (uint8_t)len, 0xE7};

        transmit(f, BYTES_OF(command), &rsp);
        if (rsp.len == 2)
            return len;
        assert_true(len + rsp.len - 2 <= cap);
        memcpy(data + len, answer, rsp.len - 2);
        len += rsp.len - 2;
    }
}

static void test_certificates_are_of_the_size_of_real_ones(void **state)
{
    static const struct {
        const char *select, *name;
    } files[] = {{"00A4020C027101", "sign"}, {"00A4020C027102", "auth"}};
    struct fixture *f = *state;
    uint8_t data[4096];

    expect(f, SELECT_APP, "9000");
    for (size_t i = 0; i < nitems(files); i++) {
        X509 *want = pki_load_cert(sim_dir, files[i].name);
        const unsigned char *p = data;
        X509 *got;
        size_t len;

        expect(f, files[i].select, "9000");
        len = read_file(f, data, sizeof(data));
        assert_true(len >= 1500 && len <= 8 * 231);
        got = d2i_X509(NULL, &p, (long)len);
        assert_non_null(got);
        assert_int_equal(X509_cmp(got, want), 0);
        assert_int_equal(X509_get_key_usage(got) & KU_NON_REPUDIATION,
                         i == 0 ? KU_NON_REPUDIATION : 0);
        X509_free(got);
        X509_free(want);
    }
}

/* ---- framing ---- */

static void test_class_instruction_and_length_are_checked(void **state)
{
    struct fixture *f = *state;

    expect(f, "80A4000C023F00", "6E00");
    expect(f, "01A4000C023F00", "6881");
    expect(f, "0CA4000C023F00", "6882");
    expect(f, "10A4000C023F00", "6884");
    expect(f, "0044000000", "6D00");
    expect(f, "00A4000C033F00", "6700");
    expect(f, "00A4000C0000023F00", "6700");
    expect(f, "00A400", "6700");
    expect(f, "0020000108", "6700");
}

static void test_foreign_application_knows_nothing_of_ours(void **state)
{
    struct fixture *f = *state;

    expect(f, "00A4040C07A0000001510000", "9000");
    expect(f, "0020000100", "6E00");
    expect(f, "00B0000001", "6E00");
    expect(f, "00A4090C043F000001", "6A86");
    expect(f, SELECT_APP, "9000");
    expect(f, "0020000100", "63C3");
}

static void test_t1_answers_directly_and_needs_le(void **state)
{
    struct fixture *f = *state;
    char hex[HEX_MAX];

    f->options.t1 = true;
    restart(f);
    bytes_to_hex(f->card->ops->atr(f->card), hex, sizeof(hex));
    assert_string_equal(hex, "3B8C0100122500648000031000" "9000DD");
    expect(f, "00CB3FFF0A4D087006BF810102A08000",
           "7016BF810112A0109A01039B0103A1088C06F3000013FF009000");
    expect(f, "00CB3FFF0A4D087006BF810102A08010", "6C18");
    expect(f, "00CB3FFF0A4D087006BF810102A080", "9000");
    expect(f, "00200001", "63C3");
    expect(f, VERIFY_PIN, "9000");
}

static void test_endless_card_never_comes_to_an_end(void **state)
{
    struct fixture *f = *state;

    cps3_settings(f->card)->endless = true;
    expect(f, "00A40904043F002F01", "6127");
    for (int i = 0; i < 100; i++)
        expect(f, "00C0000001", "626127");
}

static void test_override_replaces_or_adds_a_file(void **state)
{
    static const uint8_t bad[] = {0x30, 0x84};
    struct fixture *f = *state;

    f->options.overrides[0].path = "3F0000017002";
    f->options.overrides[0].content = BYTES_OF(bad);
    f->options.overrides[1].path = "3F00A001";
    f->options.overrides[1].content = bytes_from(NULL, 0);
    f->options.override_count = 2;
    restart(f);
    expect(f, "00A4090C063F0000017002", "9000");
    expect(f, "00B0000002", "30849000");
    expect(f, "00A4090C043F00A001", "9000");
    expect(f, "00B0000002", "6B00");
}

static void test_options_change_usage_serial_and_padding(void **state)
{
    struct fixture *f = *state;
    uint8_t data[4096];
    size_t len;

    expect(f, SELECT_APP, "9000");
    expect(f, "00A4020C027101", "9000");
    len = read_file(f, data, sizeof(data));
    f->options.serial = "99213845";
    f->options.sign_usage = 1 << 2;
    f->options.cert_padding = 16;
    f->options.actualisation = true;
    restart(f);
    expect(f, "00B09C000C", "5A0A8025000001992138450F9000");
    expect(f, "00A4090C043F00D010", "9000");
    expect(f, SELECT_APP, "9000");
    expect(f, "00A4020C027002", "9000");
    expect(f, "00B0003604", "030205209000");
    expect(f, "00A4020C027101", "9000");
    assert_int_equal(read_file(f, data, sizeof(data)), len + 16);
}

/* ---- objects ---- */

static void test_get_data_depends_on_the_directory(void **state)
{
    struct fixture *f = *state;

    expect(f, "00CB3FFF0A4D087006BF810202A080", "611C");
    expect(f, "00C000001C",
           "701ABF810216A0149A010A9B010A9D020064A1088C06F3FF00FFFF009000");
    expect(f, "00CB3FFF0B4D097007BF8101037F4180", "6A86");
    expect(f, "00CB3FFF0A4D087006BFFB03027B80", "6110");
    expect(f, "00C0000010", "700EBFFB030A7B08A4069501088301029000");
    expect(f, "00CB3FFF0B4D097007BF9002037F4880", "6A88");
    expect(f, SELECT_APP, "9000");
    expect(f, "00CB3FFF0A4D087006BF810102A080", "6A88");
    expect(f, "00CB3FFF0B4D097007BF9002037F4880", "611A");
    expect(f, "00C000001A",
           "7018BF900214A012800201009E0100A1098C077BFF1111FFFF009000");
    expect(f, "00CB3FFF034D0170", "6A80");
    cps3_settings(f->card)->no_sdo = true;
    expect(f, "00CB3FFF0B4D097007BF9002037F4880", "6A88");
}

static void test_get_data_of_pin_tells_the_tries(void **state)
{
    struct fixture *f = *state;

    expect(f, VERIFY_WRONG, "63C2");
    expect(f, "00CB3FFF0A4D087006BF810102A080", "6118");
    expect(f, "00C0000018",
           "7016BF810112A0109A01039B0102A1088C06F3000013FF009000");
}

/* ---- PIN and PUK ---- */

static void test_verify_compares_the_padded_block(void **state)
{
    struct fixture *f = *state;

    expect(f, "0020000100", "63C3");
    expect(f, "00200001", "63C3");
    expect(f, "002000010431323334", "6700");
    assert_int_equal(pin_tries(f), 3);
    expect(f, "00200001083132333400000000", "63C2");
    expect(f, VERIFY_PIN, "9000");
    expect(f, "0020000100", "9000");
    assert_int_equal(pin_tries(f), 3);
    expect(f, "0020000300", "6A88");
}

static void test_verify_wrong_three_times_blocks(void **state)
{
    struct fixture *f = *state;

    expect(f, VERIFY_WRONG, "63C2");
    expect(f, VERIFY_WRONG, "63C1");
    expect(f, VERIFY_WRONG, "63C0");
    expect(f, VERIFY_PIN, "6983");
    expect(f, "0020000100", "6983");
}

static void test_verify_wrong_after_right_forgets(void **state)
{
    struct fixture *f = *state;

    expect(f, VERIFY_PIN, "9000");
    expect(f, VERIFY_WRONG, "63C2");
    expect(f, "0020000100", "63C2");
}

static void test_power_and_reselection_forget_the_pin(void **state)
{
    struct fixture *f = *state;

    open_application(f);
    f->card->ops->power(f->card);
    expect(f, "0020000100", "63C3");
    open_application(f);
    expect(f, "00A4090C023F00", "9000");
    expect(f, "0020000100", "9000");
    expect(f, SELECT_APP, "9000");
    expect(f, "0020000100", "63C3");
}

static void test_counters_outlive_the_program(void **state)
{
    struct fixture *f = *state;

    f->options.state = state_path;
    restart(f);
    expect(f, VERIFY_WRONG, "63C2");
    expect(f, "00200002083939393939393939", "63C9");
    restart(f);
    assert_int_equal(pin_tries(f), 2);
    assert_int_equal(puk_tries(f), 9);
    expect(f, "0020000100", "63C2");
    expect(f, VERIFY_PIN, "9000");
    restart(f);
    assert_int_equal(pin_tries(f), 3);
    assert_int_equal(f->card->ops->set_tries(f->card, 1), 0);
    restart(f);
    expect(f, "0020000100", "63C1");
}

static void test_counter_that_cannot_be_kept_is_not_compared(void **state)
{
    struct fixture *f = *state;

    f->options.state = state_path;
    restart(f);
    cps3_settings(f->card)->state = "/nonexistent/state";
    expect(f, VERIFY_PIN, "6581");
    expect(f, "0020000100", "63C2");
}

static void test_malformed_state_is_refused(void **state)
{
    struct fixture *f = *state;
    FILE *file = fopen(state_path, "w");

    assert_non_null(file);
    fputs("pin 31323334FFFFFFFF 3\npuk 3132 10\nusage 100\n", file);
    fclose(file);
    card_off(f);
    f->options.state = state_path;
    assert_int_equal(cps3_new(&f->options, &f->card), CARD_E_CONFIG);
    f->card = NULL;
}

static void test_change_with_the_old_pin(void **state)
{
    struct fixture *f = *state;

    f->options.state = state_path;
    restart(f);
    expect(f, "002400011031323334FFFFFFFF35363738FFFFFFFF", "9000");
    expect(f, VERIFY_PIN, "63C2");
    restart(f);
    expect(f, "002000010835363738FFFFFFFF", "9000");
    expect(f, "002400011031323334FFFFFFFF35363738FFFFFFFF", "63C2");
    expect(f, "002400011035363738FFFFFFFF353637FFFFFFFFFF", "6A80");
    expect(f, "002400010835363738FFFFFFFF", "6700");
    assert_int_equal(pin_tries(f), 2);
    expect(f, "00240002103132333435363738" "3132333435363738", "6982");
}

static void test_change_after_verify(void **state)
{
    struct fixture *f = *state;

    expect(f, "002401010835363738FFFFFFFF", "6982");
    expect(f, VERIFY_PIN, "9000");
    expect(f, "002401010835363738FFFFFFFF", "9000");
    expect(f, "002000010835363738FFFFFFFF", "9000");
}

static void test_reset_with_puk_and_new_pin(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->card->ops->set_tries(f->card, 0), 0);
    expect(f, VERIFY_PIN, "6983");
    expect(f, "002C0001103939393939393939" "35363738FFFFFFFF", "63C9");
    expect(f, "002C0001103132333435363738" "35363738FFFFFFFF", "9000");
    assert_int_equal(puk_tries(f), 10);
    expect(f, "0020000100", "63C3");
    expect(f, "002000010835363738FFFFFFFF", "9000");
}

static void test_reset_after_verified_puk(void **state)
{
    struct fixture *f = *state;

    expect(f, "002C02010835363738FFFFFFFF", "6982");
    expect(f, VERIFY_PUK, "9000");
    expect(f, "002C02010835363738FFFFFFFF", "9000");
    expect(f, "002000010835363738FFFFFFFF", "9000");
}

static void test_puk_has_tries_and_uses_of_its_own(void **state)
{
    struct fixture *f = *state;
    char want[] = "63C9";

    for (; want[3] >= '0'; want[3]--)
        expect(f, "00200002083939393939393939", want);
    expect(f, VERIFY_PUK, "6983");
    assert_int_equal(pin_tries(f), 3);
    restart(f);
    for (int i = 0; i < 100; i++)
        expect(f, VERIFY_PUK, "9000");
    assert_int_equal(puk_tries(f), 10);
    expect(f, VERIFY_PUK, "6983");
}

/* ---- keys ---- */

#define MSE_SIGN_SHA256 "002241B606800142840181"
#define MSE_SIGN_SHA1 "002241B606800112840181"
#define MSE_HASH_SHA256 "002241AA03800140"
#define MSE_HASH_SHA1 "002241AA03800110"
#define MSE_AUTH "002241A406800102840182"
#define MSE_DECIPHER "002241B806840182" "80011A"

static bool verifies(const char *name, const EVP_MD *md, struct bytes message,
                     struct bytes sig)
{
    X509 *cert = pki_load_cert(sim_dir, name);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok;

    assert_non_null(cert);
    assert_int_equal(
        EVP_DigestVerifyInit(ctx, NULL, md, NULL, X509_get0_pubkey(cert)), 1);
    ok = EVP_DigestVerify(ctx, sig.data, sig.len, message.data, message.len)
         == 1;
    EVP_MD_CTX_free(ctx);
    X509_free(cert);
    return ok;
}

/* The signature that waits, by GET RESPONSE. */
static void collect(struct fixture *f, const char *command,
                    uint8_t sig[MODULUS])
{
    uint8_t answer[ANSWER_MAX];
    struct buf rsp = BUF_ON(answer);
    const uint8_t get_response[] = {0x00, 0xC0, 0x00, 0x00, 0x00};

    if (command != NULL)
        expect(f, command, "6100");
    transmit(f, BYTES_OF(get_response), &rsp);
    assert_int_equal(rsp.len, MODULUS + 2);
    memcpy(sig, answer, MODULUS);
}

/* 00 2A 90 A0 {90 state, 80 last}, or the other way round. */
static void pso_hash(struct fixture *f, const struct sha_midstate *m,
                     bool last_first, const char *want)
{
    uint8_t body[255], command[300], answer[ANSWER_MAX], counter[8];
    struct buf b = BUF_ON(body), c = BUF_ON(command), rsp = BUF_ON(answer);
    size_t state_len = m->bits > 0 ? hash_len(m->hash) : 0;
    char hex[HEX_MAX];
    const struct bytes args[] = {
        bytes_from(m->state, state_len),
        bytes_from(counter, m->bits > 0 ? 8 : 0),
        bytes_from(m->last, m->last_len),
    };

    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)(m->bits >> (56 - 8 * i));
    assert_int_equal(template_put(&b, last_first ? "80($2) 90($0 $1)"
                                                 : "90($0 $1) 80($2)",
                                  args), 0);
    assert_int_equal(
        template_put(&c, "002A90A0($0)", &(struct bytes){body, b.len}), 0);
    transmit(f, buf_view(&c), &rsp);
    assert_string_equal(bytes_to_hex(buf_view(&rsp), hex, sizeof(hex)), want);
}

static void sign_on_card(struct fixture *f, enum card_hash hash, size_t len)
{
    const EVP_MD *md = hash == CARD_HASH_SHA1 ? EVP_sha1() : EVP_sha256();
    bool sha1 = hash == CARD_HASH_SHA1;
    uint8_t message[200], sig[MODULUS];
    struct sha_stream s;
    struct sha_midstate m;

    for (size_t i = 0; i < len; i++)
        message[i] = (uint8_t)(i * 7 + len);
    assert_int_equal(sha_init(&s, hash), 0);
    sha_update(&s, bytes_from(message, len));
    sha_get_midstate(&s, &m);
    expect(f, sha1 ? MSE_HASH_SHA1 : MSE_HASH_SHA256, "9000");
    pso_hash(f, &m, len % 2 == 1, "9000");
    expect(f, sha1 ? MSE_SIGN_SHA1 : MSE_SIGN_SHA256, "9000");
    collect(f, "002A9E9A00", sig);
    assert_true(verifies("sign", md, bytes_from(message, len), BYTES_OF(sig)));
}

static void test_signature_with_hash_finished_on_card(void **state)
{
    struct fixture *f = *state;

    open_application(f);
    for (size_t len = 1; len <= 200; len++) {
        sign_on_card(f, CARD_HASH_SHA256, len);
        if (len % 16 < 2)
            sign_on_card(f, CARD_HASH_SHA1, len);
    }
}

static void test_hash_of_the_empty_message_is_refused(void **state)
{
    struct fixture *f = *state;

    open_application(f);
    expect(f, MSE_HASH_SHA256, "9000");
    expect(f, "002A90A00490008000", "6A80");
    expect(f, "002A90A0029000", "6A80");
    expect(f, "002A90A003800161", "6A80");
    expect(f, "002A90A005900080" "0161", "9000");
}

static void test_hash_with_a_counter_not_of_blocks_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sha_midstate m = {.hash = CARD_HASH_SHA256, .last_len = 1};

    open_application(f);
    expect(f, MSE_HASH_SHA256, "9000");
    m.bits = 8;
    pso_hash(f, &m, false, "6A80");
    m.bits = 512;
    pso_hash(f, &m, false, "9000");
    m.hash = CARD_HASH_SHA1;
    pso_hash(f, &m, false, "6A80");
}

static void test_signature_wants_every_step_before_it(void **state)
{
    struct fixture *f = *state;

    expect(f, SELECT_APP, "9000");
    expect(f, "002A9E9A00", "6982");
    expect(f, VERIFY_PIN, "9000");
    expect(f, "002A9E9A00", "6985");
    expect(f, "002A90A0059000800161", "6985");
    expect(f, MSE_SIGN_SHA256, "9000");
    expect(f, "002A9E9A00", "6985");
    expect(f, MSE_HASH_SHA256, "9000");
    expect(f, "002A9E9A00", "6985");
    expect(f, "002A90A0059000800161", "9000");
    expect(f, "002A9E9A00", "6100");
    expect(f, "002A9E9A00", "6985");
    expect(f, MSE_HASH_SHA1, "9000");
    expect(f, "002A90A0059000800161", "9000");
    expect(f, "002A9E9A00", "6985");
}

static void test_environment_is_checked_and_forgotten(void **state)
{
    struct fixture *f = *state;

    expect(f, MSE_SIGN_SHA256, "6A88");
    expect(f, MSE_HASH_SHA256, "9000");
    open_application(f);
    expect(f, "002241B606800142840182", "6A88");
    expect(f, "002241B606800102840181", "6A80");
    expect(f, "002241A406800102840181", "6A88");
    expect(f, "002281B606800142840181", "6A86");
    expect(f, "0022F300", "6A86");
    expect(f, MSE_AUTH, "9000");
    expect(f, "00A4090C043F000001", "9000");
    expect(f, "00880000" "0161", "6985");
}

static void digest(const EVP_MD *md, struct bytes message, uint8_t *out)
{
    assert_int_equal(
        EVP_Digest(message.data, message.len, out, NULL, md, NULL), 1);
}

static void test_signature_of_a_finished_hash(void **state)
{
    static const uint8_t message[] = {'a', 'b', 'c'};
    struct fixture *f = *state;
    uint8_t hash[32] = {0}, sig[MODULUS], command[64], answer[ANSWER_MAX];
    struct buf c = BUF_ON(command), rsp = BUF_ON(answer);
    const struct bytes args[] = {BYTES_OF(hash)};

    open_application(f);
    digest(EVP_sha256(), BYTES_OF(message), hash);
    expect(f, MSE_SIGN_SHA256, "9000");
    assert_int_equal(template_put(&c, "002A9E9A($0)", args), 0);
    transmit(f, buf_view(&c), &rsp);
    assert_memory_equal(answer, "\x61\x00", 2);
    collect(f, NULL, sig);
    assert_true(
        verifies("sign", EVP_sha256(), BYTES_OF(message), BYTES_OF(sig)));
    /* The same in its DigestInfo. */
    c.len = 0;
    assert_int_equal(
        template_put(&c,
                     "002A9E9A(3031300D060960864801650304020105000420 $0)",
                     args), 0);
    transmit(f, buf_view(&c), &rsp);
    collect(f, NULL, sig);
    assert_true(
        verifies("sign", EVP_sha256(), BYTES_OF(message), BYTES_OF(sig)));
    /* With the other algorithm it is of the wrong length. */
    expect(f, MSE_SIGN_SHA1, "9000");
    transmit(f, buf_view(&c), &rsp);
    assert_memory_equal(answer, "\x6A\x80", 2);
}

static void authenticate(struct fixture *f, const char *message,
                         uint8_t sig[MODULUS])
{
    uint8_t hash[64] = {0}, command[128], answer[ANSWER_MAX];
    struct buf c = BUF_ON(command), rsp = BUF_ON(answer);
    const struct bytes args[] = {BYTES_OF(hash)};

    digest(EVP_sha512(), bytes_of_string(message), hash);
    assert_int_equal(
        template_put(&c,
                     "00880000(3051300D060960864801650304020305000440 $0)",
                     args), 0);
    transmit(f, buf_view(&c), &rsp);
    assert_memory_equal(answer, "\x61\x00", 2);
    collect(f, NULL, sig);
}

static void test_internal_authenticate_signs_any_digestinfo(void **state)
{
    struct fixture *f = *state;
    uint8_t sig[MODULUS];

    expect(f, SELECT_APP, "9000");
    expect(f, MSE_AUTH, "9000");
    expect(f, "00880000" "0161", "6982");
    expect(f, VERIFY_PIN, "9000");
    authenticate(f, "sha512", sig);
    assert_true(verifies("auth", EVP_sha512(), bytes_of_string("sha512"),
                         BYTES_OF(sig)));
}

static void test_internal_authenticate_takes_40_percent(void **state)
{
    struct fixture *f = *state;
    uint8_t command[5 + 103] = {0x00, 0x88, 0x00, 0x00, 102};
    uint8_t answer[ANSWER_MAX];
    struct buf rsp = BUF_ON(answer);

    open_application(f);
    expect(f, MSE_AUTH, "9000");
    transmit(f, bytes_from(command, 5 + 102), &rsp);
    assert_memory_equal(answer, "\x61\x00", 2);
    command[4] = 103;
    transmit(f, bytes_from(command, 5 + 103), &rsp);
    assert_memory_equal(answer, "\x67\x00", 2);
}

static void test_wrong_signatures_do_not_verify(void **state)
{
    static const enum cps3_wrong kinds[] = {
        CPS3_SIGN_FLIP_BIT, CPS3_SIGN_PREVIOUS, CPS3_SIGN_OTHER_KEY};
    struct fixture *f = *state;
    uint8_t sig[MODULUS];

    open_application(f);
    expect(f, MSE_AUTH, "9000");
    for (size_t i = 0; i < nitems(kinds); i++) {
        cps3_settings(f->card)->wrong = CPS3_SIGN_RIGHT;
        authenticate(f, "before", sig);
        assert_true(verifies("auth", EVP_sha512(), bytes_of_string("before"),
                             BYTES_OF(sig)));
        cps3_settings(f->card)->wrong = kinds[i];
        authenticate(f, "now", sig);
        assert_false(verifies("auth", EVP_sha512(), bytes_of_string("now"),
                              BYTES_OF(sig)));
    }
}

/* The cryptogram in two chained commands; the answer in hex. */
static const char *decipher(struct fixture *f, const uint8_t block[MODULUS],
                            char out[HEX_MAX])
{
    uint8_t first[5 + 255] = {0x10, 0x2A, 0x80, 0x86, 0xFF, 0x81};
    uint8_t second[5 + 2] = {0x00, 0x2A, 0x80, 0x86, 0x02};
    uint8_t answer[ANSWER_MAX];
    struct buf rsp = BUF_ON(answer);

    memcpy(first + 6, block, 254);
    memcpy(second + 5, block + 254, 2);
    transmit(f, BYTES_OF(first), &rsp);
    assert_memory_equal(answer, "\x90\x00", 2);
    transmit(f, BYTES_OF(second), &rsp);
    return bytes_to_hex(buf_view(&rsp), out, HEX_MAX);
}

static void encrypt(int padding, struct bytes in, uint8_t out[MODULUS])
{
    X509 *cert = pki_load_cert(sim_dir, "auth");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(X509_get0_pubkey(cert), NULL);
    size_t len = MODULUS;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len, in.data, in.len), 1);
    EVP_PKEY_CTX_free(ctx);
    X509_free(cert);
}

static void test_decipher_gives_the_message_without_padding(void **state)
{
    struct fixture *f = *state;
    uint8_t block[MODULUS];
    char hex[HEX_MAX];

    encrypt(RSA_PKCS1_PADDING, bytes_of_string("secret"), block);
    expect(f, SELECT_APP, "9000");
    expect(f, MSE_DECIPHER, "9000");
    assert_string_equal(decipher(f, block, hex), "6982");
    expect(f, VERIFY_PIN, "9000");
    assert_string_equal(decipher(f, block, hex), "6106");
    expect(f, "00C0000006", "7365637265749000");
}

static void test_decipher_of_bad_padding_answers_6985(void **state)
{
    struct fixture *f = *state;
    uint8_t plain[MODULUS] = {0x00, 0x01, 0xFF}, block[MODULUS];
    char hex[HEX_MAX];

    open_application(f);
    expect(f, MSE_DECIPHER, "9000");
    encrypt(RSA_NO_PADDING, BYTES_OF(plain), block);
    assert_string_equal(decipher(f, block, hex), "6985");
    memset(block, 0xFF, sizeof(block));
    assert_string_equal(decipher(f, block, hex), "6A80");
}

static void test_chain_that_is_broken_off_is_forgotten(void **state)
{
    struct fixture *f = *state;
    uint8_t first[5 + 255] = {0x10, 0x2A, 0x80, 0x86, 0xFF, 0x81};
    uint8_t block[MODULUS], answer[ANSWER_MAX];
    struct buf rsp = BUF_ON(answer);
    char hex[HEX_MAX];

    open_application(f);
    expect(f, MSE_DECIPHER, "9000");
    transmit(f, BYTES_OF(first), &rsp);
    expect(f, "0020000100", "9000");
    expect(f, "002A8086020000", "6700");
    encrypt(RSA_PKCS1_PADDING, bytes_of_string("x"), block);
    assert_string_equal(decipher(f, block, hex), "6101");
}

static int make_dir(void **state)
{
    (void)state;
    if ((sim_dir = getenv("TESSERA_SIM_DIR")) == NULL) {
        if ((sim_dir = mkdtemp(made)) == NULL
            || pki_make(sim_dir, NULL, &pki_holder_default) < 0)
            return -1;
    }
    snprintf(state_path, sizeof(state_path), "/tmp/tessera-sim-state-%ld",
             (long)getpid());
    return 0;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"root", "ca", "chain", "auth", "sign",
                                        "server"};
    char path[300];

    (void)state;
    for (size_t i = 0; sim_dir == made && i < nitems(names); i++) {
        snprintf(path, sizeof(path), "%s/%s.pem", made, names[i]);
        unlink(path);
        snprintf(path, sizeof(path), "%s/%s.key", made, names[i]);
        unlink(path);
    }
    if (sim_dir == made)
        rmdir(made);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_atr_of_contact_card_is_the_real_one),
        TEST(test_select_and_read_as_opensc_traced),
        TEST(test_select_as_vendor_software_traced),
        TEST(test_select_of_application_needs_fcp_or_no_answer),
        TEST(test_select_by_path_without_mf_is_relative),
        TEST(test_select_at_t0_with_le_is_refused),
        TEST(test_read_beyond_the_end_answers_6c_or_6282),
        TEST(test_read_by_sfi_finds_files_of_the_mf),
        TEST(test_read_without_a_file_answers_6986),
        TEST(test_get_response_gives_what_waits_once),
        TEST(test_directories_are_the_real_bytes),
        TEST(test_certificates_are_of_the_size_of_real_ones),
        TEST(test_class_instruction_and_length_are_checked),
        TEST(test_foreign_application_knows_nothing_of_ours),
        TEST(test_t1_answers_directly_and_needs_le),
        TEST(test_endless_card_never_comes_to_an_end),
        TEST(test_override_replaces_or_adds_a_file),
        TEST(test_options_change_usage_serial_and_padding),
        TEST(test_get_data_depends_on_the_directory),
        TEST(test_get_data_of_pin_tells_the_tries),
        TEST(test_verify_compares_the_padded_block),
        TEST(test_verify_wrong_three_times_blocks),
        TEST(test_verify_wrong_after_right_forgets),
        TEST(test_power_and_reselection_forget_the_pin),
        TEST(test_counters_outlive_the_program),
        TEST(test_counter_that_cannot_be_kept_is_not_compared),
        TEST(test_malformed_state_is_refused),
        TEST(test_change_with_the_old_pin),
        TEST(test_change_after_verify),
        TEST(test_reset_with_puk_and_new_pin),
        TEST(test_reset_after_verified_puk),
        TEST(test_puk_has_tries_and_uses_of_its_own),
        TEST(test_signature_with_hash_finished_on_card),
        TEST(test_hash_of_the_empty_message_is_refused),
        TEST(test_hash_with_a_counter_not_of_blocks_is_refused),
        TEST(test_signature_wants_every_step_before_it),
        TEST(test_environment_is_checked_and_forgotten),
        TEST(test_signature_of_a_finished_hash),
        TEST(test_internal_authenticate_signs_any_digestinfo),
        TEST(test_internal_authenticate_takes_40_percent),
        TEST(test_wrong_signatures_do_not_verify),
        TEST(test_decipher_gives_the_message_without_padding),
        TEST(test_decipher_of_bad_padding_answers_6985),
        TEST(test_chain_that_is_broken_off_is_forgotten),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
