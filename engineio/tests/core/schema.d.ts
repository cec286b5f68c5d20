import type { Socket } from "socket.io-client";

/** Who talks. */
export type Speaker = {
  name: string;
  /** In a row. */
  "seat-number": number | null;
  type: Volume;
  friends: Array<Speaker>;
};

/** How loud. */
export type Volume = "Low" | "HIGH";

/**
 * What a client may send.
 *
 * To be read twice.
 */
export interface ClientToServerEvents {
  /** Comes in. */
  join: (room: string, speaker: Speaker, ack: (answer: number) => void) => void;
  "chat message": (text: string) => void;
  rename: (new_: string, ack: (answer: string | { error: string }) => void) => void;
  lookup: (name: string, ack: (answer: ArrayBuffer | Uint8Array | { error: Volume }) => void) => void;
  slow: (number: number, ack: (answer: number) => void) => void;
  upload: (picture: ArrayBuffer | Uint8Array, tags: Record<string, boolean>, ack: (answer: [number, boolean]) => void) => void;
  ping: () => void;
  move: (ack: number, default_: [number, number], acknowledge: (answer: boolean | null) => void) => void;
}

/** What the server sends. */
export interface ServerToClientEvents {
  "chat message": (from: string, text: string) => void;
  ready: (questions: Array<string>, ack: (answer: boolean) => void) => void;
  picture: (picture: ArrayBuffer | Uint8Array) => void;
}

/** A client's socket: what it hears, and what it may send. */
export type ClientSocket = Socket<ServerToClientEvents, ClientToServerEvents>;
