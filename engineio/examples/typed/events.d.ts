import type { Socket } from "socket.io-client";

/** Who talks. */
export type Speaker = {
  name: string;
  /** Null for those who stand. */
  seatNumber: number | null;
  volume: Volume;
};

/** How loud. */
export type Volume = "low" | "high";

/** Why one does not come in. */
export type Refusal = "nameless" | "full";

/** What a client may send. */
export interface ClientToServerEvents {
  /** Comes into a room; the answer is how many are there. */
  join: (room: string, speaker: Speaker, ack: (answer: number | { error: Refusal }) => void) => void;
  /** Says something to everyone in a room. */
  "chat message": (room: string, text: string) => void;
  /** Shows a picture to the others in a room; the answer is its size in bytes. */
  show: (room: string, picture: ArrayBuffer | Uint8Array, ack: (answer: number) => void) => void;
  /** Asks everyone in a room; the answer is how many said yes, and how many said nothing. */
  survey: (room: string, question: string, ack: (answer: [number, number]) => void) => void;
}

/** What the server sends. */
export interface ServerToClientEvents {
  /** Someone has come in. */
  joined: (speaker: Speaker) => void;
  /** Someone has said something. */
  "chat message": (text: string) => void;
  /** Someone shows a picture. */
  shown: (picture: ArrayBuffer | Uint8Array) => void;
  /** Someone wants to know. */
  asked: (question: string, ack: (answer: boolean) => void) => void;
}

/** A client's socket: what it hears, and what it may send. */
export type ClientSocket = Socket<ServerToClientEvents, ClientToServerEvents>;
