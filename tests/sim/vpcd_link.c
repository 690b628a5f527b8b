/*
 * sim-vpcd's end of the virtual reader: frames of two length bytes and a
 * payload, the card being the TCP client (fact sheet vpcd, 2 and 4).
 */
/* TCP_QUICKACK is Linux'. */
#define _GNU_SOURCE
#include "tests/sim/vpcd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "card/error.h"

enum {
    FRAME_MAX = 65535,
    ANSWER_MAX = 16388,
    OVERLONG = 300,
    POWER_OFF = 0,
    POWER_ON = 1,
    RESET = 2,
    GET_ATR = 4,
    CONNECT_TRIES = 100,
    CONNECT_PAUSE = 50000000 /* ns */
};

static int try_connect(unsigned short port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

int link_insert(struct vpcd *v)
{
    const struct timespec pause = {0, CONNECT_PAUSE};

    if (v->link >= 0)
        return 0;
    for (int i = 0; i < CONNECT_TRIES; i++) {
        if ((v->link = try_connect(v->port)) >= 0) {
            v->inserted = true;
            return 0;
        }
        nanosleep(&pause, NULL);
    }
    return card_fail(CARD_E_NO_SERVICE, "no reader at port %u: %s", v->port,
                     strerror(errno));
}

void link_pull(struct vpcd *v)
{
    if (v->link >= 0)
        close(v->link);
    v->link = -1;
    v->inserted = false;
    v->card->ops->power(v->card);
}

/*
 * The reader sends length and payload apart: without a quick acknowledgement,
 * which has to be asked for each time, every APDU costs 40 ms.
 */
static bool read_all(int fd, uint8_t *data, size_t len)
{
    size_t got = 0;
    int on = 1;

    while (got < len) {
        ssize_t n;

        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
        n = read(fd, data + got, len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static int send_frame(struct vpcd *v, struct bytes payload)
{
    uint8_t room[2 + ANSWER_MAX + OVERLONG];
    struct buf frame = BUF_ON(room);

    if (buf_put_u16(&frame, (uint16_t)payload.len) < 0
        || buf_put(&frame, payload) < 0)
        return card_fail(CARD_E_BUFFER, "answer too long for a frame");
    /* One segment, and no signal if the reader has gone. */
    if (send(v->link, frame.data, frame.len, MSG_NOSIGNAL)
        != (ssize_t)frame.len)
        return card_fail(CARD_E_COMM, "the reader is gone");
    return 0;
}

static void log_bytes(const struct vpcd *v, char mark, struct bytes bytes)
{
    if (v->log == NULL)
        return;
    fputc(mark, v->log);
    for (size_t i = 0; i < bytes.len; i++)
        fprintf(v->log, " %02X", bytes.data[i]);
    fputc('\n', v->log);
    fflush(v->log);
}

/* The fault of this APDU, if one is due. */
static enum vpcd_fault next_fault(struct vpcd *v)
{
    if (v->fault_in == 0 || --v->fault_in > 0)
        return VPCD_FAULT_NONE;
    return v->fault;
}

static struct bytes damage(struct bytes answer, enum vpcd_fault fault)
{
    if (fault == VPCD_FAULT_ONE_BYTE)
        answer.len = 1;
    else if (fault == VPCD_FAULT_TRUNCATED)
        answer.len /= 2;
    return answer;
}

static int serve_apdu(struct vpcd *v, struct bytes command)
{
    static const uint8_t more[OVERLONG];
    enum vpcd_fault fault = next_fault(v);
    uint8_t room[ANSWER_MAX + OVERLONG];
    struct buf answer = BUF_ON(room);
    int rc = 0;

    v->apdus++;
    log_bytes(v, '>', command);
    if (fault == VPCD_FAULT_REMOVE) {
        link_pull(v);
        return 0;
    }
    if (fault == VPCD_FAULT_OVERLONG)
        rc = buf_put(&answer, BYTES_OF(more));
    if (rc == 0 && fault == VPCD_FAULT_STATUS)
        rc = buf_put_u16(&answer, v->status);
    else if (rc == 0)
        rc = v->card->ops->process(v->card, command, &answer);
    if (rc == 0 && fault == VPCD_FAULT_REMOVE_AFTER) {
        link_pull(v);
    } else if (rc == 0 && fault != VPCD_FAULT_SILENCE) {
        log_bytes(v, '<', damage(buf_view(&answer), fault));
        rc = send_frame(v, damage(buf_view(&answer), fault));
    }
    buf_wipe(&answer);
    return rc;
}

static int serve_control(struct vpcd *v, uint8_t code)
{
    if (code == GET_ATR)
        return send_frame(v, v->card->ops->atr(v->card));
    if (code == POWER_OFF || code == POWER_ON || code == RESET) {
        v->card->ops->power(v->card);
        if (v->log != NULL)
            fprintf(v->log, "# power %u\n", code);
    }
    return 0;
}

int link_serve(struct vpcd *v)
{
    static uint8_t payload[FRAME_MAX];
    uint8_t head[2];
    size_t len;

    if (!read_all(v->link, head, sizeof(head)))
        return card_fail(CARD_E_COMM, "the reader is gone");
    len = (size_t)(head[0] << 8 | head[1]);
    if (!read_all(v->link, payload, len))
        return card_fail(CARD_E_COMM, "the reader is gone");
    if (len == 1)
        return serve_control(v, payload[0]);
    return len > 1 ? serve_apdu(v, bytes_from(payload, len)) : 0;
}
