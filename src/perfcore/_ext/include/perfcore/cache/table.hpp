// The table: a key's node, by chains that grow at their heads.
//
//     heads                nodes, 24 bytes each: key, next, row, link, heat, queue, state
//     +----+   next        +-----+   next      +-----+
//     |  *-+-------------> | k 7 | ----------> | k 3 | ---> nil
//     +----+               +--+--+             +--+--+
//     |nil |                  | row               | row
//     +----+                  v                   v
//                          rows: 400 bytes each, immutable once a node points to them
//
// - A node is alive while its ``row`` is one; whoever exchanges that for NONE has taken the entry out, alone.
// - Insertion writes the head it saw before it looked for the key in the chain, so that two threads cannot both insert
//   a key: whoever comes second finds the head changed and looks again.
// - A node that was taken is marked (the lowest bit of ``next``) and then unlinked, by whoever comes past (Harris 2001,
//   Michael 2002); those who stand on it go on by its ``next``. It is used anew two epochs later.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "keys.hpp"
#include "lists.hpp"

namespace perfcore::cache {

enum State : uint8_t { FREE, LINKED, UNLINKED };
enum Queue : uint8_t { MAIN, SMALL };

struct Node {
    std::atomic<uint64_t> key;
    std::atomic<uint32_t> next;  // twice the next node's number, NIL at the end; odd: this node is being unlinked
    std::atomic<uint32_t> row;
    std::atomic<uint32_t> link;  // of the stack it lies in, while it is not in use
    std::atomic<uint8_t> heat, queue, state;
};
static_assert(sizeof(Node) == 24, "24 bytes a node");

template <class Keys>
class Table {
public:
    static constexpr uint32_t NIL = 0xFFFFFFFEu;
    using Ref = typename Keys::Ref;

    Table(uint32_t n_heads, uint32_t n_nodes)
        : n_heads(n_heads), n_nodes(n_nodes), heads_(new std::atomic<uint32_t>[n_heads]), nodes_(new Node[n_nodes]()) {
        for (uint32_t i = 0; i < n_heads; i++) heads_[i].store(NIL, std::memory_order_relaxed);
        for (uint32_t i = 0; i < n_nodes; i++) nodes_[i].row.store(NONE, std::memory_order_relaxed);
    }

    Node& operator[](uint32_t id) const { return nodes_[id]; }
    uint32_t head_at(uint32_t i) const { return heads_[i].load(std::memory_order_acquire); }
    std::atomic<uint32_t>& head(uint64_t hash) const { return heads_[high_product(hash, n_heads)]; }

    // The node of a key that is alive, and its row; NONE.
    uint32_t find(uint32_t from, Ref key, uint64_t hash, uint32_t& row) const {
        for (uint32_t link = from; link != NIL;) {
            const Node& node = nodes_[link >> 1];
            if (Keys::equal(node.key.load(std::memory_order_relaxed), key, hash)) {
                row = node.row.load(std::memory_order_acquire);
                if (row != NONE) return link >> 1;
            }
            link = node.next.load(std::memory_order_acquire) & ~1u;
        }
        return NONE;
    }

    // Links a node whose key and row are written; or returns the node that has the key already.
    uint32_t insert(uint32_t id, Ref key, uint64_t hash) {
        std::atomic<uint32_t>& place = head(hash);
        uint32_t first = place.load(std::memory_order_acquire), row;
        nodes_[id].state.store(LINKED, std::memory_order_relaxed);  // it has a key from here on
        do {
            const uint32_t other = find(first, key, hash, row);
            if (other != NONE) return other;
            nodes_[id].next.store(first, std::memory_order_relaxed);
        } while (!place.compare_exchange_strong(first, id << 1, std::memory_order_seq_cst, std::memory_order_acquire));
        return NONE;
    }

    // A node whose key nobody else inserts.
    void link(uint32_t id, uint64_t hash) {
        nodes_[id].state.store(LINKED, std::memory_order_relaxed);
        nodes_[id].next.store(head(hash).load());
        head(hash).store(id << 1);
    }

    // Of a node that was taken: unlinked, by this thread or another, when this returns.
    void unlink(uint32_t id, uint64_t hash) {
        nodes_[id].next.fetch_or(1, std::memory_order_seq_cst);
        std::atomic<uint32_t>& place = head(hash);
        while (!passed(place, id)) {}
        nodes_[id].state.store(UNLINKED, std::memory_order_release);
    }

    static uint64_t nbytes_for(int64_t n_heads, int64_t n_nodes) {
        return uint64_t(n_heads) * sizeof(std::atomic<uint32_t>) + uint64_t(n_nodes) * sizeof(Node);
    }

    const uint32_t n_heads, n_nodes;

private:
    // Unlinks what is marked in a chain, up to a node; false where another thread changed it on the way.
    bool passed(std::atomic<uint32_t>& place, uint32_t id) {
        std::atomic<uint32_t>* before = &place;
        uint32_t link = before->load(std::memory_order_acquire);
        while (link != NIL) {
            const uint32_t next = nodes_[link >> 1].next.load(std::memory_order_acquire);
            if (next & 1) {
                uint32_t expected = link;
                if (!before->compare_exchange_strong(expected, next & ~1u, std::memory_order_seq_cst)) return false;
                if (link >> 1 == id) return true;
                link = next & ~1u;
            } else {
                before = &nodes_[link >> 1].next;
                link = next;
            }
        }
        return true;
    }

    const std::unique_ptr<std::atomic<uint32_t>[]> heads_;
    const std::unique_ptr<Node[]> nodes_;
};

}  // namespace perfcore::cache
