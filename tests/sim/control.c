/*
 * sim-control: say one line to sim-vpcd's control socket, whose path is in
 * SIM_CONTROL, and print the answer: "sim-control tries".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "card/base/bytes.h"

enum { LINE_MAX_LEN = 256 };

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return fd;
}

/* The words with a space between them, and a line end. */
static bool join(int argc, char **argv, struct buf *line)
{
    for (int i = 1; i < argc; i++)
        if ((i > 1 && buf_put_u8(line, ' ') < 0)
            || buf_put(line, bytes_of_string(argv[i])) < 0)
            return false;
    return buf_put_u8(line, '\n') == 0;
}

int main(int argc, char **argv)
{
    const char *path = getenv("SIM_CONTROL");
    uint8_t room[LINE_MAX_LEN];
    struct buf line = BUF_ON(room);
    char answer[LINE_MAX_LEN];
    FILE *stream;
    int fd;

    if (path == NULL || argc < 2 || !join(argc, argv, &line)) {
        fputs("usage: SIM_CONTROL=PATH sim-control WORD...\n", stderr);
        return 2;
    }
    if ((fd = connect_to(path)) < 0 || (stream = fdopen(fd, "r+")) == NULL) {
        perror(path);
        return 1;
    }
    if (send(fd, line.data, line.len, 0) != (ssize_t)line.len
        || fgets(answer, sizeof(answer), stream) == NULL) {
        fputs("sim-control: no answer\n", stderr);
        fclose(stream);
        return 1;
    }
    fputs(answer, stdout);
    fclose(stream);
    return strncmp(answer, "error", 5) == 0;
}
