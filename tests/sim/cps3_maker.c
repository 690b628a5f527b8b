/*
 * Makers of simulated IAS ECC cards, and the settings of one (fact sheets
 * ias-ecc, sections 1, 2, 7, 9; cps3, sections 1 to 4). ATRs and AIDs are the
 * sheets'; which application a maker's card holds, and its serial number, are
 * ours.
 */
#include "tests/sim/cps3_int.h"

#include <string.h>

#define AID_CPS "E828BD080F8025000001FF0010"
#define AID_CPS_CONTACTLESS "E828BD080F8025000001FF0020"
#define AID_CPS_ROOT "8025000001FF0100"
#define AID_GENERIC_PKI "E828BD080FD25047656E65726963"
#define AID_EID "E828BD080FD2504543432D654944"
#define AID_ADELE_1 "E828BD080FD2500000040101"
#define AID_ADELE_2 "E828BD080FD2500000040201"

/*
 * Entries as on the sheet. The contactless one first: in the other order
 * OpenSC would take it, and it is known to find the keys of real cards. The
 * odfPath in the DDO is ours: with it the file has a real card's 65 (hex)
 * bytes.
 */
static const char dir_cps[] =
    "61(4F($1) 50('CPX IAS CL') 73(30(04(5031)) 4F($0)))"
    "61(4F($0) 50('CPX IAS') 73(30(04(5031)) 4F($0)))";
/* The second is no ISO 7816-15 application; OpenSC takes the first. */
static const char dir_others[] = "61(4F($0) 50('ECC') 73(4F($0)))"
                                 "61(4F(A0000000183003) 50('other'))";

static const char atr_cps[] =
    "80 43 01 B8 46 04 04 B0 EC C1 47 03 94 01 80 4F($2)"
    "E0 10 02 02 01 04 02 02 01 04 02 02 01 00 02 02 01 00"
    "78 08 06 06 2B 81 22 F8 78 02 82 02 90 00";
/* A Gemalto's; a Cosmo's begins so too. */
static const char atr_full[] =
    "80 00 43 01 B8 46 04 40 70 14 10 47 03 94 01 80 4F($2)"
    "E0 10 02 02 00 FF 02 02 00 FF 02 02 01 00 02 02 01 00 82 02 90 00";
/* Neither 46 nor E0. */
static const char atr_short[] = "43 01 B8 47 03 94 01 80 4F($2) 82 02 90 00";

static const char sn_cps[] = "5A($3)", sn_plain[] = "5A($7)",
                  sn_shifted[] = "5A($8)";

static const struct cps3_maker makers[] = {
    /* The ATR of a real CPS3: no TD announces a protocol, so T=0. */
    {.name = "cps3", .atr = "3BAC00402A001225006480000310009000",
     .root = AID_CPS_ROOT, .aid = AID_CPS, .dir = dir_cps, .ef_atr = atr_cps,
     .sn = sn_cps, .ef_p1 = 0x02, .whole_paths = true, .answer_p2 = 0x04,
     .cps = true},
    {.name = "contactless",
     .atr = "3B8F80010031B86404B0ECC1739401808290000E", .t1 = true,
     .root = AID_CPS_ROOT, .aid = AID_CPS_CONTACTLESS, .dir = dir_cps,
     .ef_atr = atr_cps, .sn = sn_cps, .ef_p1 = 0x02, .whole_paths = true,
     .answer_p2 = 0x04, .cps = true, .contactless = true},
    {.name = "gemalto", .atr = "3B7F9600000031B8644070141073940180829000",
     .root = "F0496173456363526F6F74", .aid = AID_GENERIC_PKI,
     .dir = dir_others, .ef_atr = atr_full, .sn = sn_plain, .ef_p1 = 0x02,
     .whole_paths = true, .answer_p2 = 0x04},
    {.name = "oberthur",
     .atr = "3BDD00008131FE4580F9A000000077010800079000E6", .t1 = true,
     .root = "A000000077010800070000FE00000100", .aid = AID_EID,
     .dir = dir_others, .ef_atr = atr_full, .sn = sn_plain, .ef_p1 = 0x01,
     .answer_p2 = 0x04, .covered = true, .no_sdo = true},
    {.name = "sagem", .atr = "3B7F1800000031B8645023ECC173940180829000",
     .root = AID_ADELE_1, .aid = AID_ADELE_2,
     .dir = dir_others, .ef_atr = atr_full, .sn = sn_shifted, .ef_p1 = 0x02,
     .answer_p2 = 0x00},
    {.name = "mi", .atr = "3BDF96008031FE450031B864041FECC173940180829000EC",
     .t1 = true, .root = AID_ADELE_1, .aid = "4D494F4D4354",
     .dir = dir_others, .ef_atr = atr_full, .sn = sn_plain, .ef_p1 = 0x02,
     .answer_p2 = 0x04, .mf_answers = true, .local_pin = true},
    {.name = "orange", .atr = "3B8F80010031B8640011ECC173940180829000AB",
     .t1 = true, .root = AID_ADELE_1, .aid = "4F52414E4745",
     .dir = dir_others, .ef_atr = atr_short, .sn = sn_plain, .ef_p1 = 0x02,
     .answer_p2 = 0x00, .pin_24 = true},
};

const struct cps3_maker *cps3_find_maker(const char *name)
{
    for (size_t i = 0; i < nitems(makers); i++)
        if (strcmp(makers[i].name, name) == 0)
            return &makers[i];
    return NULL;
}

/* ---- settings ------------------------------------------------------------ */

/* Settings that a card is made with: the value behind "name=", or NULL. */
static const char *find_setting(const struct sim_options *o, const char *name)
{
    size_t len = strlen(name);

    for (const char *const *s = o->settings; s != NULL && *s != NULL; s++)
        if (strncmp(*s, name, len) == 0 && (*s)[len] == '=')
            return *s + len + 1;
    return NULL;
}

static bool is_set(const struct sim_options *options, const char *name)
{
    const char *value = find_setting(options, name);

    return value != NULL && strcmp(value, "yes") == 0;
}

static int make(const struct sim_options *options, const char *maker,
                struct applet **out)
{
    const char *named = find_setting(options, "maker");
    const struct cps3_options o = {
        .maker = named != NULL ? named : maker,
        .dir = options->dir,
        .state = options->state,
        .pin = find_setting(options, "pin"),
        .puk = find_setting(options, "puk"),
        .tries = find_setting(options, "tries"),
        .puk_tries = find_setting(options, "puk-tries"),
        .puk_uses = find_setting(options, "puk-uses"),
        .serial = find_setting(options, "serial"),
        .logical_id = find_setting(options, "logical-id"),
        .t1 = is_set(options, "t1"),
        .no_sdo = is_set(options, "no-sdo"),
        .no_finished_hash = is_set(options, "no-finished-hash"),
        .actualisation = is_set(options, "actualisation"),
        .tail = CPS3_TAIL_6C,
    };

    return cps3_new(&o, out);
}

int cps3_make(const struct sim_options *options, struct applet **out)
{
    return make(options, "cps3", out);
}

int ias_make(const struct sim_options *options, struct applet **out)
{
    return make(options, "gemalto", out);
}
