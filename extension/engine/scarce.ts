/** What to do where the system gives a process less than it needs. */
export const scarce = 'The system lacks memory, processes or open files for it; end other programs and try again.';

/** What the systems' libraries say where a process may have no more threads. */
export const outOfThreads = /pthread|Resource temporarily unavailable|uv_thread_create|EAGAIN/i;
