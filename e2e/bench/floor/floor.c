/* floor OP [FROM [TO]]: the least work that any program could do on the trees of service directories.
   read  list FROM; per folder below: open, list; per file: open, fstat, read, close; fstat of all else
   await wait until each service in FROM, and its logger, reads its control FIFO, as the last of those does
   copy  read, and make the same in TO, which is there and empty: folders, files with their modes, FIFOs
   One thread, static, no parsing, no rendering: what should be is there as bytes already. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char buf[1 << 20];

static void die(char const *what) { perror(what); exit(111); }

static int folder(int at, char const *name) {
  int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) die(name);
  return fd;
}

static void file(int from, int to, char const *name) {
  struct stat st;
  int in = openat(from, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (in < 0 || fstat(in, &st)) die(name);
  ssize_t n = read(in, buf, sizeof buf);
  close(in);
  if (n < 0) die(name);
  if (to < 0) return;
  int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 07777);
  if (out < 0 || write(out, buf, n) != n) die(name);
  close(out);
}

static void tree(int from, int to) {
  DIR *d = fdopendir(from);
  if (!d) die("fdopendir");
  struct dirent *e;
  while ((e = readdir(d))) {
    struct stat st;
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    if (e->d_type == DT_REG) { file(from, to, e->d_name); continue; }
    if (fstatat(from, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) die(e->d_name);
    if (S_ISDIR(st.st_mode)) {
      int below = -1;
      if (to >= 0) {
        if (mkdirat(to, e->d_name, st.st_mode & 07777)) die(e->d_name);
        below = folder(to, e->d_name);
      }
      tree(folder(from, e->d_name), below);
    } else if (S_ISREG(st.st_mode)) file(from, to, e->d_name);
    else if (to >= 0 && S_ISFIFO(st.st_mode) && mknodat(to, e->d_name, st.st_mode, 0)) die(e->d_name);
  }
  closedir(d);
  if (to >= 0) close(to);
}

static void await(int at, char const *service, char const *control) {
  char path[4096];
  int fd;
  snprintf(path, sizeof path, "%s/%s", service, control);
  while ((fd = openat(at, path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)) < 0) {
    struct timespec const pause = { .tv_nsec = 1000000 };
    if (errno != ENXIO && errno != ENOENT) die(path);
    nanosleep(&pause, NULL);
  }
  close(fd);
}

static void awaitall(int at) {
  DIR *d = fdopendir(at);
  if (!d) die("fdopendir");
  struct dirent *e;
  while ((e = readdir(d))) {
    if (e->d_name[0] == '.') continue;
    await(at, e->d_name, "supervise/control");
    await(at, e->d_name, "log/supervise/control");
  }
  closedir(d);
}

int main(int argc, char **argv) {
  umask(0);
  if (argc == 3 && !strcmp(argv[1], "read")) { tree(folder(AT_FDCWD, argv[2]), -1); return 0; }
  if (argc == 3 && !strcmp(argv[1], "await")) { awaitall(folder(AT_FDCWD, argv[2])); return 0; }
  if (argc == 4 && !strcmp(argv[1], "copy")) {
    tree(folder(AT_FDCWD, argv[2]), folder(AT_FDCWD, argv[3]));
    return 0;
  }
  fprintf(stderr, "usage: floor read FROM | await FROM | copy FROM TO\n");
  return 100;
}
