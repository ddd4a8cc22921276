#include "ingest/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/file.h"

namespace widenet::ingest {
namespace {

// The sanitizers reserve terabytes of addresses before main: their builds go without this limit.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

[[noreturn]] void fail(const std::string& what, int error) {
  throw ExtractError("the sandbox cannot be set up: " + what + ": " + strerror(error));
}

void limit(int resource, const char* name, rlim_t soft, rlim_t hard) {
  const rlimit wanted{.rlim_cur = soft, .rlim_max = hard};
  if (setrlimit(static_cast<__rlimit_resource>(resource), &wanted) != 0) fail(name, errno);
}

// ---- System calls ------------------------------------------------------------------------------

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

Filter make_filter(uint32_t default_action) {
  Filter filter(seccomp_init(default_action), &seccomp_release);
  if (filter == nullptr) fail("seccomp_init", ENOMEM);
  return filter;
}

template <size_t N>
void add_rules(const Filter& filter, uint32_t action, const int (&calls)[N]) {
  for (const int call : calls) {
    const int error = seccomp_rule_add(filter.get(), action, call, 0);
    if (error != 0) fail("seccomp rule", -error);
  }
}

// On all threads: libraries that we link may have started some.
void load(const Filter& filter) {
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  const int error = seccomp_load(filter.get());
  if (error != 0) fail("seccomp_load", -error);
}

// Everything that computing on memory needs, for the C library, the allocators and the sanitizers.
constexpr int kComputing[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
};

// Refusals are errors, not kills: a library that probes for something harmless goes on without.
void allow_computing_only() {
  const Filter filter = make_filter(SCMP_ACT_ERRNO(EPERM));
  add_rules(filter, SCMP_ACT_ALLOW, kComputing);
  // abort() signals its own thread.
  const scmp_arg_cmp own_process = {0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid()), 0};
  const int error =
      seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, own_process);
  if (error != 0) fail("seccomp rule", -error);
  load(filter);
}

// What no reader of documents needs: the network (io_uring would be a way around), other processes,
// leaving the process group, the kernel's larger surfaces.
constexpr int kNotForTools[] = {
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(tgkill),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(setpgid),
    SCMP_SYS(setsid),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(kexec_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
};

void deny_what_tools_do_not_need() {
  const Filter filter = make_filter(SCMP_ACT_ALLOW);
  add_rules(filter, SCMP_ACT_ERRNO(EPERM), kNotForTools);
  // clone3's flags cannot be inspected; the C library falls back to clone, whose flags can.
  add_rules(filter, SCMP_ACT_ERRNO(ENOSYS), {SCMP_SYS(clone3)});
  const scmp_arg_cmp new_user = {0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER};
  const int error =
      seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, new_user);
  if (error != 0) fail("seccomp rule", -error);
  load(filter);
}

// ---- Files -------------------------------------------------------------------------------------

constexpr uint64_t kRefer = uint64_t{1} << 13;     // Landlock's second version
constexpr uint64_t kTruncate = uint64_t{1} << 14;  // its third
constexpr uint64_t kFirstVersion = kRefer - 1;
constexpr uint64_t kReading =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

// Allows `access` below `path`; what is not there needs no rule.
void allow_below(const FileDescriptor& rules, const std::filesystem::path& path, uint64_t access) {
  const FileDescriptor folder(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!folder.is_open()) return;
  const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = folder.get()};
  if (syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    fail("landlock_add_rule", errno);
  }
}

void restrict_files(const std::filesystem::path& folder) {
  const int64_t version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return;  // not in this kernel
  const uint64_t handled =
      kFirstVersion | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0);
  const landlock_ruleset_attr attribute{.handled_access_fs = handled};
  const FileDescriptor rules(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attribute, sizeof(attribute), 0)));
  if (!rules.is_open()) fail("landlock_create_ruleset", errno);
  for (const char* system : {"/usr", "/lib", "/lib64", "/bin", "/etc", "/var/cache/fontconfig"}) {
    allow_below(rules, system, kReading);
  }
  allow_below(rules, folder, handled);
  allow_below(rules, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
  if (syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) {
    fail("landlock_restrict_self", errno);
  }
}

}  // namespace

void limit_resources(const ExtractLimits& limits) {
  const auto cpu_seconds = static_cast<rlim_t>(limits.cpu_max.count());
  const auto memory_bytes = static_cast<rlim_t>(limits.memory_bytes_max);
  const auto file_bytes = static_cast<rlim_t>(
      std::max(limits.input_bytes_max, limits.output_bytes_max) + (int64_t{64} << 20));
  limit(RLIMIT_CORE, "RLIMIT_CORE", 0, 0);
  limit(RLIMIT_CPU, "RLIMIT_CPU", cpu_seconds, cpu_seconds + 5);
  limit(RLIMIT_FSIZE, "RLIMIT_FSIZE", file_bytes, file_bytes);
  limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", 64, 64);
  if (kLimitsMemory) limit(RLIMIT_AS, "RLIMIT_AS", memory_bytes, memory_bytes);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("PR_SET_NO_NEW_PRIVS", errno);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail("PR_SET_PDEATHSIG", errno);
}

void give_up_rights(Rights rights, const std::filesystem::path& folder) {
  if (rights == Rights::parse_only) {
    allow_computing_only();
  } else {
    restrict_files(folder);
    deny_what_tools_do_not_need();
  }
}

}  // namespace widenet::ingest
