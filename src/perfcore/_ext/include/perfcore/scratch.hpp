// Scratch space is kept from call to call: a fresh half megabyte costs more in page faults than 100 rows take.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>

namespace perfcore {

// Without a lock: one that another thread holds while the process forks would never be free in the child.
class ScratchPool {
  public:
    explicit ScratchPool(int64_t bytes) : bytes_(static_cast<size_t>(bytes > 0 ? bytes : 64)) {}
    ~ScratchPool() {
        for (std::atomic<void*>& place : kept_) ::operator delete(place.load(), ALIGNMENT);
    }
    ScratchPool(const ScratchPool&) = delete;
    ScratchPool& operator=(const ScratchPool&) = delete;

    char* take() {
        for (std::atomic<void*>& place : kept_)
            if (place.load(std::memory_order_relaxed))
                if (void* block = place.exchange(nullptr)) return static_cast<char*>(block);
        void* block = ::operator new(bytes_, ALIGNMENT, std::nothrow);
        if (block) std::memset(block, 0, bytes_);
        return static_cast<char*>(block);
    }

    void give(char* block) {
        for (std::atomic<void*>& place : kept_) {
            void* none = nullptr;
            if (place.compare_exchange_strong(none, block)) return;
        }
        ::operator delete(block, ALIGNMENT);
    }

  private:
    static constexpr std::align_val_t ALIGNMENT{4096};
    const size_t bytes_;
    std::array<std::atomic<void*>, 64> kept_{};
};

}  // namespace perfcore
